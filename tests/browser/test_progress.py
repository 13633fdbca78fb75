"""What a reader has done: kept in the browser, shown on the front page."""

from support.browser import Tabs, axe_in, needs_chromium

pytestmark = needs_chromium
AXE_ARTICLE = axe_in("article")
REFUSED = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }});"


def row(page):
    return page.locator("article table tr", has=page.locator("a[href*='05_baselines']"))


def test_what_is_done_is_shown_on_the_front_page_until_it_is_forgotten(tabs, site, axe_source):
    tab = tabs.open(f"{site}book/index.html")
    before = row(tab).inner_text()
    assert "of" not in before.split("\t")[-1]
    tab.goto(f"{site}book/05_baselines.html")
    tab.locator("details.baby-choice summary").first.click()
    boxes = tab.get_by_role("checkbox", name="Done")
    count = boxes.count()
    assert count == tab.locator(".exercise").count() > 3
    boxes.nth(0).focus()
    tab.keyboard.press("Space")
    boxes.nth(1).check()
    boxes.nth(1).uncheck()
    tab.reload()
    assert [box.is_checked() for box in boxes.all()] == [True] + [False] * (count - 1)
    tab.goto(f"{site}book/index.html")
    assert row(tab).locator("td").last.inner_text() == f"questions 1 of 1, exercises 1 of {count}"
    assert tab.get_by_role("columnheader", name="done").count() == 1
    assert tab.evaluate(f"async () => {{ {axe_source}; return ({AXE_ARTICLE})(); }}") == []
    tab.set_viewport_size({"width": 375, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") == 375
    tab.get_by_role("button", name="Forget it").click()
    assert row(tab).inner_text() == before
    tab.reload()
    assert row(tab).inner_text() == before


def test_a_browser_that_refuses_storage_has_boxes_all_the_same(tabs, site):
    tab = tabs.open(f"{site}book/05_baselines.html", script=REFUSED)
    box = tab.get_by_role("checkbox", name="Done").first
    box.check()
    assert box.is_checked()
    tab.goto(f"{site}book/index.html")
    assert row(tab).locator("td").count() == 3


def test_who_opens_a_page_in_a_tab_that_is_kept_is_a_new_reader(browser, site):
    """Of these tests, that is: none finds what another has left."""
    tabs, address = Tabs(browser), f"{site}book/05_baselines.html"
    page = tabs.open(address, size=(375, 800), motion="no-preference", scheme="dark")
    page.get_by_role("checkbox", name="Done").first.check()
    page.evaluate("sessionStorage.setItem('kept', '1')")
    tabs.leave()
    assert page.url == "about:blank"
    assert tabs.open(address) is page
    assert not page.get_by_role("checkbox", name="Done").first.is_checked()
    assert page.evaluate("[sessionStorage.length, innerWidth, document.documentElement.dataset.theme]") == [
        0,
        1280,
        "light",
    ]
    assert page.evaluate("matchMedia('(prefers-reduced-motion)').matches")
    tabs.leave()
    tabs.close()
