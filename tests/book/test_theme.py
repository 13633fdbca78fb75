"""What the book mends in the pages of the stock theme."""

from types import SimpleNamespace

from _site import theme


def test_a_page_that_a_build_leaves_as_it_is_gets_the_script_of_today_once(tmp_path, monkeypatch):
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path)
    page = tmp_path / "page.html"
    page.write_text(f"<head>\n  {theme.THEME}\n  </script>\n</head>", "utf-8")
    script = tmp_path / "theme.js"
    monkeypatch.setattr(theme, "SCRIPT", script)
    script.write_text("yesterday();\n", "utf-8")
    theme.repair_pages(app, None)
    script.write_text("today();\n", "utf-8")
    for _ in range(2):
        theme.repair_pages(app, None)
    html = page.read_text("utf-8")
    assert "yesterday" not in html
    assert html.count("today();") == html.count(theme.THEME) == 1
    assert html.index("today();") < html.index(theme.THEME)


def test_code_in_a_cell_may_break_between_words_and_nowhere_else(tmp_path):
    def code(*words: str) -> str:
        return "<code>" + " ".join(f'<span class="pre">{word}</span>' for word in words) + "</code>"

    page = tmp_path / "page.html"
    cell = f"<td>a_b {code('trl/trainer/dpo_trainer.py', '--a-b', '1e-6', '_compute_loss')}</td>"
    page.write_text(f"{code('a_b')}<table>{cell}</table>{code('c/d')}", "utf-8")
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path)
    for _ in range(2):
        theme.repair_pages(app, None)
    words = ("trl/<wbr>trainer/<wbr>dpo_<wbr>trainer.py", "--a-<wbr>b", "1e-6", "_compute_<wbr>loss")
    broken = f"<td>a_b {code(*words)}</td>"
    assert page.read_text("utf-8") == f"{code('a_b')}<table>{broken}</table>{code('c/d')}"
