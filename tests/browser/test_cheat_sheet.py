"""The sheet of all losses, on paper."""

import re


def test_it_prints_on_one_page(browser, whole_site):
    page = browser.new_page(color_scheme="dark")
    page.goto(f"{whole_site}book/cheat_sheet.html")
    page.wait_for_function("document.querySelectorAll('.baby-sheet mjx-container').length > 10")
    for paper in ("A4", "Letter"):
        printed = page.pdf(format=paper, margin=dict.fromkeys(("top", "bottom", "left", "right"), "1cm"))
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1, paper
    page.close()


def test_on_a_phone_it_is_seen_whole(browser, whole_site):
    page = browser.new_page(viewport={"width": 375, "height": 800})
    page.goto(f"{whole_site}book/cheat_sheet.html")
    page.wait_for_function("document.querySelectorAll('.baby-sheet mjx-container').length > 10")
    cut = "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.textContent)"
    assert page.locator(".baby-sheet :is(mjx-container, pre)").evaluate_all(cut) == []
    page.close()
