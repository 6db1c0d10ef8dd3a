"""What holds for every test: one seed, the default dtype given back, and no file outside pytest's own folders."""

import jaxtyping
import pytest
import torch
from hypothesis import settings

settings.register_profile("para_former", deadline=None)  # a shared machine's clock fails no test
settings.load_profile("para_former")


def pytest_collection_modifyitems(items):
    """What is marked `gpu` runs where there is one."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory):
    """One cache of decoded images for the session; no test reads the user's data or writes the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARA_FORMER_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("PARA_FORMER_DATA", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Networks as small as these gain nothing from threads, and lose much where threads of others wait beside them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # for the processes that tests start
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch):
    """Relative paths, such as the default ``runs/``, fall into the test's own folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def torch_defaults():
    """Random numbers from one seed; float32 again after a test that changed it."""
    dtype = torch.get_default_dtype()
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(dtype)


@pytest.fixture
def no_shape_checks():
    """The package as its users run it, without the checks of types and shapes that tests switch on."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
