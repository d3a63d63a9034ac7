"""A real browser for the tests of the page: Debian's Chromium, without a window."""

import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium ('apt-get install chromium')")


class Browser:
    """A page of the browser that sees this machine alone; what it asked elsewhere is in ``elsewhere``."""

    def __init__(self, playwright, address, width=1200, height=900):
        self.browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        self.page = self.browser.new_page(viewport={"width": width, "height": height})
        self.elsewhere, self.faults = [], []
        self.page.route("**/*", self._route)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(address)

    def _route(self, route):
        if "127.0.0.1" in route.request.url or route.request.url.startswith(("data:", "blob:")):
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def close(self):
        self.browser.close()
