"""Exercises on a page without a kernel: boxes that answer, and a line that says where to go."""

from support.browser import axe_in, needs_chromium

from rlhf_helpers.exercises import EXERCISES

pytestmark = needs_chromium
AXE_ATTEMPTS = axe_in(".baby-attempt")


def test_numbers_are_answered_by_keyboard_with_the_words_of_the_check_and_counted(tabs, site, axe_source):
    tab = tabs.open(f"{site}book/04_ppo.html")
    assert "Not attempted yet" not in tab.locator("article").inner_text()
    attempt = tab.locator(".baby-attempt[data-exercise='ex-ppo-price']")
    said = attempt.get_by_role("status")
    attempt.get_by_role("textbox", name="price").focus()
    tab.keyboard.press("Enter")
    assert said.inner_text() == "Not attempted yet: answer here, and press Check."
    for given in ("0.2", "log 2", "22.76", "1/9"):
        tab.keyboard.press("Control+A")
        tab.keyboard.type(given)
        tab.keyboard.press("Enter")
        assert said.inner_text() == f"Not yet. {EXERCISES['ex-ppo-price'](given)}"
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        assert tab.evaluate(f"async () => {{ {axe_source}; return ({AXE_ATTEMPTS})(); }}") == []
    done = tab.locator("#ex-ppo-price").get_by_role("checkbox", name="Done")
    assert not done.is_checked()
    tab.keyboard.press("Control+A")
    tab.keyboard.type("0,23")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")  # the button
    assert said.inner_text() == "Passed."
    assert done.is_checked()
    beside = tab.locator(".baby-attempt[data-exercise='ex-ppo-two']")
    beside.get_by_role("textbox", name="factor").fill("2.718")
    beside.get_by_role("button", name="Check").click()
    assert beside.get_by_role("status").inner_text() == "Right. Now the function, in a notebook."
    assert not tab.locator("#ex-ppo-two").get_by_role("checkbox", name="Done").is_checked()
    tab.goto(f"{site}book/index.html")
    assert "exercises 1 of" in tab.locator("article table tr", has=tab.locator("a[href*='04_ppo']")).inner_text()


def test_a_choice_is_picked_and_a_phone_is_wide_enough(tabs, site):
    tab = tabs.open(f"{site}book/05_baselines.html", size=(375, 800))
    attempt = tab.locator(".baby-attempt[data-exercise='ex-baselines-best']")
    for word in ("higher", "lower"):
        attempt.get_by_role("combobox", name="than_the_mean").select_option(word)
        attempt.get_by_role("button", name="Check").click()
        said = attempt.get_by_role("status").inner_text()
        assert said.startswith("Right." if word == "lower" else "Not yet. You say 'higher'. ")
    for each in tab.locator(".baby-attempt").all():
        box = each.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 375
        comma = each.locator(".baby-together").bounding_box()  # beside what it follows, whatever the width
        assert comma["height"] < 30
    assert tab.evaluate("document.documentElement.scrollWidth") == 375


def test_code_is_copied_opened_elsewhere_or_revealed(tabs, site):
    tab = tabs.open(f"{site}book/04_ppo.html", permissions=("clipboard-read", "clipboard-write"))
    attempt = tab.locator(".baby-attempt[data-exercise='ex-ppo-min']")
    attempt.get_by_role("button", name="copy it").click()
    attempt.get_by_role("button", name="copied").wait_for()
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("def repaired(ratio, advantages, clip_eps=0.2):\n    return ...")
    assert copied.rstrip().endswith('check("ex-ppo-min", (repaired, helpless))')
    file = attempt.get_by_role("link", name="download the notebook").get_attribute("href")
    notebook = tab.request.get(f"{site}book/{file}").json()
    colab = attempt.get_by_role("link", name="Colab").get_attribute("href")
    (cell,) = [cell for cell in notebook["cells"] if cell["id"] == colab.partition("#scrollTo=")[2]]
    assert "".join(cell["source"]).rstrip() == copied.rstrip()
    answer = tab.locator(".solution", has=tab.locator("a[href='#ex-ppo-min']"))
    assert not answer.locator("section").is_visible()
    attempt.get_by_role("link", name="open the answer").press("Enter")
    answer.locator("section").first.wait_for()
    attempt.get_by_role("link", name="open the answer").press("Enter")
    assert answer.locator("section").first.is_visible()
    tab.emulate_media(media="print")
    assert not attempt.is_visible()


def test_without_scripts_the_line_says_what_to_do(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}book/04_ppo.html")
    attempt = page.locator(".baby-attempt[data-exercise='ex-ppo-price']")
    assert not attempt.locator("form").is_visible()
    assert attempt.inner_text() == (
        "The cell does not run on this page: copy it, open it in Binder or Colab, download the notebook, "
        "or open the answer."
    )
    context.close()
