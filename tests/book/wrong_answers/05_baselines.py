"""Wrong answers to the exercises of chapter 5, as learners write them: a fragment of the diagnosis -> the attempt."""

WRONG = {
    "ex-ppo-deltas": {
        "add the next value": (-0.5, -0.6, 0.2, -0.75, -0.5, 0.2),
        "its next value is 0": (0.1, 0.2, 1.0, 0.45, 0.7, 1.0),
        "returns minus the values": (0.5, 0.4, 0.2, 0.75, 0.5, 0.2),
        "carry the surprises forward": (0.1, 0.2, 0.2, 0.1, 0.25, 0.325),
        "are lambda 1": (0.1, 0.2, 0.2, 0.5, 0.4, 0.2),
        "are lambda 0": (0.1, 0.2, 0.2, 0.1, 0.2, 0.2),
        "one surprise ahead": (0.1, 0.2, 0.2, 0.2, 0.3, 0.2),
        "wrong sign": (-0.1, 0.2, 0.2, 0.25, 0.3, 0.2),
    },
}
