"""What production talks to: OpenAI and Anthropic wires, tasks by their promoted routes, capture.

`app.py` has every address; `serve.py` runs it. Nothing here trains, judges or promotes.
"""
