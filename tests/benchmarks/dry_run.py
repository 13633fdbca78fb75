"""A plan of a workshop walked through with the clock, as far as one can do it alone.

    python tests/benchmarks/dry_run.py                        # the hour
    python tests/benchmarks/dry_run.py "the day"              # another plan of workshop/plans.yaml
    python tests/benchmarks/dry_run.py --html _build/html     # presses its buttons too, in Chromium

For each slot: the minutes of the plan, and those that the teacher fills by the rule of CONTRIBUTING.md, talk track read
aloud, figures driven, exercises at the minutes that they state. The rest is the room's: answers, and stragglers.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "book"), str(ROOT / "workshop")]
from plans import Plan, plans  # noqa: E402
from support.browser import CHROMIUM  # noqa: E402
from support.live_pages import wait_for_step  # noqa: E402
from support.minutes import said_and_shown  # noqa: E402

UPDATES = 100


def table(plan: Plan) -> str:
    """The slots of a plan, each with its minutes and with those that the teacher fills."""
    rows = [
        (f"{slot.begin}-{slot.end}", slot.page or slot.what, slot.minutes, said_and_shown(slot)) for slot in plan.slots
    ]
    rows.append(("", "all", plan.minutes, sum(taken for *_, taken in rows)))
    return "\n".join(f"{when:>8}  {what[:40]:40}  {planned:7}  {taken:14.1f}" for when, what, planned, taken in rows)


def presses(plan: Plan, html: Path) -> None:
    """Press each button of a plan, and print how long its figure takes for UPDATES updates."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for slot in plan.slots:
            if slot.preset:
                page = browser.new_page()
                page.goto((html.resolve() / "book" / f"{slot.page}.html").as_uri())
                button = page.get_by_role("button", name=slot.preset, exact=True).first
                button.scroll_into_view_if_needed()
                figure = page.locator("figure.baby-live", has=button)
                wait_for_step(figure, 0)
                begun = time.perf_counter()
                button.click()
                wait_for_step(figure, UPDATES)
                print(
                    f"{slot.page}, {slot.preset}: {UPDATES} updates in {time.perf_counter() - begun:.1f} s", flush=True
                )
                page.close()
        browser.close()


def main() -> None:
    """Print the table, and the presses if a built book is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", nargs="?", default="the hour", choices=[plan.name for plan in plans()])
    parser.add_argument("--html", type=Path, help="the built book")
    args = parser.parse_args()
    (plan,) = [plan for plan in plans() if plan.name == args.plan]
    print(f"{'minutes':>8}  {plan.title[:40]:40}  planned  said and shown\n{table(plan)}", flush=True)
    if args.html:
        presses(plan, args.html)


if __name__ == "__main__":
    main()
