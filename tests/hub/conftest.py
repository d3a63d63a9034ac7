"""The Hub, on this machine."""

import pytest

from tests.hub.server import TOKEN, Hub, serve


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A server of the Hub's API, which huggingface_hub's client talks to over HTTP; its user is logged in."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    state = Hub()
    server = serve(state)
    monkeypatch.setattr(constants, "ENDPOINT", state.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", state.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client waits before it asks again
    yield state
    close_session()
    server.shutdown()
    server.server_close()
