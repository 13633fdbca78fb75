"""Exercises of the chapter on baselines, and what a wrong answer is told."""

from rlhf_helpers.exercises.diagnosis import ANY, Checker, numbers

# ---- Three surprises

SURPRISES = (0.1, 0.2, 0.2)

deltas = numbers(
    (*SURPRISES, 0.25, 0.3, 0.2),
    {
        (-0.5, -0.6, 0.2, ANY, ANY, ANY): "You compare the pay with the critic and leave out what is still to come: "
        "add the next value.",
        (0.1, 0.2, 1.0, ANY, ANY, ANY): "After the last token nothing is to come, so its next value is 0.",
        (0.5, 0.4, 0.2, ANY, ANY, ANY): "These are the returns minus the values, which is lambda 1; one surprise looks "
        "one token ahead.",
        (*SURPRISES, 0.1, 0.25, 0.325): "You carry the surprises forward. A token is credited with what comes after "
        "it: begin at the end.",
        (*SURPRISES, 0.5, 0.4, 0.2): "The last three are lambda 1: add half of the next token's advantage.",
        (*SURPRISES, *SURPRISES): "The last three are lambda 0: add half of the next token's advantage.",
        (*SURPRISES, 0.2, 0.3, 0.2): "You look one surprise ahead. Add half of the next token's advantage, which holds "
        "all that follow.",
    },
)


EXERCISES: dict[str, Checker] = {
    "ex-ppo-deltas": deltas,
}
