"""`para-former download` asks for what it was told, and says where it lies."""

import json
from pathlib import Path
from types import SimpleNamespace

from para_former.cli import download


def test_download_says_what_from_where_and_into_which_folder(run, monkeypatch):
    asked = []

    def fetch(spec, *where):
        asked.append((spec.name, *where))
        return SimpleNamespace(folder=Path("here/cifar10"), files=[Path("here/cifar10/a.bin")])

    monkeypatch.setattr(download, "download", fetch)
    code, out, err = run("download", "cifar10", "--data-root=here", "--hub=some/body")
    assert (code, out, err) == (0, "cifar10 in here/cifar10\n", "")
    assert asked == [("cifar10", Path("here"), "some/body")]
    result = json.loads(run("download", "cifar10", "--json").out)
    assert result == {"dataset": "cifar10", "folder": "here/cifar10", "files": ["here/cifar10/a.bin"]}
    assert asked[1:] == [("cifar10", None, None)]
