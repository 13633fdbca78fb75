"""What the page about figures of one's own says of its example."""

from support.claims import Page

page = Page("make_your_own")


def test_the_pull_holds_the_policy_back():
    figure = page.figure("Token 1 is paid")
    free, held, tight = (figure.run(kl_coeff=pull) for pull in (0.0, 0.2, 1.0))
    for loose, strict in ((free, held), (held, tight)):
        assert loose["reward"][-1] > strict["reward"][-1] > loose["reward"][0]
        assert loose["kl"][-1] > strict["kl"][-1]


def test_no_claim_is_without_proof():
    assert page.problems() == []
