"""The page in a real browser that sees this machine alone: on a desk, on a phone, with the keyboard."""

import os

import pytest

pytest.importorskip("gradio")
pytest.importorskip("playwright")

from playwright.sync_api import sync_playwright

from tests.app.browser import Browser, needs_browser
from weightspace.app.page import launch, make_page
from weightspace.zoo import export_nets

pytestmark = [pytest.mark.slow, needs_browser]


@pytest.fixture(scope="module")
def address(tiny_zoo):
    page = make_page([str(tiny_zoo.path)])
    _, address, _ = launch(page)
    yield address
    page.close()


@pytest.fixture(scope="module")
def playwright():
    with sync_playwright() as found:
        yield found


def facts(page, text):
    page.wait_for_function(f"document.querySelector('#facts').innerText.includes({text!r})", timeout=25_000)


def message(page, place, text):
    page.wait_for_function(f"document.querySelector('#{place}').innerText.includes({text!r})", timeout=25_000)
    assert "Traceback" not in page.inner_text("body")


def test_a_zoo_is_browsed_by_click_and_keyboard(playwright, address, tiny_zoo):
    browser = Browser(playwright, address)
    page = browser.page
    page.wait_for_selector("#scatter img", timeout=25_000)
    facts(page, "Net 0")
    page.focus("#next-net")
    page.keyboard.press("Enter")
    facts(page, "Net 1")
    page.fill("#net input", "3")
    page.keyboard.press("Enter")
    facts(page, "Net 3")
    before = page.inner_text("#facts")
    page.click("#scatter img", position={"x": 120, "y": 60})
    page.wait_for_function(f"document.querySelector('#facts').innerText != {before!r}", timeout=25_000)
    shown = "'Net ' + document.querySelector('#net input').value"  # the box follows a click, a moment later
    page.wait_for_function(f"document.querySelector('#facts').innerText.includes({shown})", timeout=25_000)
    page.fill("#net input", "999")
    page.keyboard.press("Enter")
    message(page, "browse-message", "has no net 999")
    assert not browser.elsewhere and not browser.faults  # it works offline
    browser.close()


def test_on_a_phone_nothing_is_wider_than_the_screen(playwright, address):
    browser = Browser(playwright, address, width=390, height=800)
    page = browser.page
    page.wait_for_selector("#scatter img", timeout=25_000)
    facts(page, "Net 0")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    browser.close()


def test_bad_files_are_said_in_the_page(playwright, address, tiny_zoo, tmp_path):
    browser = Browser(playwright, address)
    page = browser.page
    page.get_by_role("tab", name="Checkpoint").click()
    good = export_nets(tiny_zoo.final()[:1], tmp_path / "nets")[0]
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(good.read_bytes()[:-9])
    page.set_input_files("#drop input[type=file]", broken)
    page.wait_for_function("document.querySelector('#drop').innerText.includes('broken')", timeout=25_000)
    page.click("#predict")
    message(page, "checkpoint-message", "broken.safetensors")
    large = tmp_path / "large.safetensors"
    with large.open("wb") as file:
        os.truncate(file.fileno(), 5_000_000_000)
    page.reload()
    page.get_by_role("tab", name="Checkpoint").click()
    page.fill("#typed textarea, #typed input", str(large))
    page.click("#predict")
    message(page, "checkpoint-message", "has 5.0 GB")
    page.fill("#typed textarea, #typed input", str(good))
    page.click("#predict")
    message(page, "checkpoint-message", good.stem)  # of another architecture than digits-accuracy knows
    assert not browser.elsewhere
    browser.close()
