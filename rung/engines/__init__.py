"""What runs a model, behind one method: `Engine.complete(Request) -> Completion`."""
