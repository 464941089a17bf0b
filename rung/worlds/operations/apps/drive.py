"""Drive: files in folders, and whom they are shared with."""

from __future__ import annotations

from rung.worlds.operations.app import App, Arguments, email, find, id_of, look, one_of, text, write
from rung.worlds.tables import Kind, Row, Tables


def _move(state: Tables, given: Arguments) -> Row:
    folder = state.get("folders", given["folder_id"])
    return state.change(
        "files", given["file_id"], {"folder_id": folder["id"], "folder": folder["name"]}
    )


def _share(state: Tables, given: Arguments) -> Row:
    file = state.get("files", given["file_id"])
    kept = [share for share in file["shared_with"] if share["email"] != given["email"]]
    share = {"email": given["email"], "role": given["role"]}
    return state.change("files", file["id"], {"shared_with": [*kept, share]})


APP = App(
    name="drive",
    tables={
        "files": Kind(noun="file", prefix="F"),
        "folders": Kind(noun="folder", prefix="D"),
    },
    tools=(
        look("drive.find", "Find files and folders.", find("files", "folders"), query=text("name")),
        write(
            "drive.move",
            "Move a file to a folder.",
            _move,
            file_id=id_of("file", "F"),
            folder_id=id_of("folder", "D"),
        ),
        write(
            "drive.share",
            "Share a file.",
            _share,
            file_id=id_of("file", "F"),
            email=email(),
            role=one_of("viewer", "editor"),
        ),
    ),
)
