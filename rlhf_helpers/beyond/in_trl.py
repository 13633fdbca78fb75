"""The ten tokens in TRL's own trainers, beside the book's loop.

    python -m rlhf_helpers.beyond.in_trl --method grpo rloo dpo

Each method trains from one start with ``rlhf_helpers.train`` and with TRL's trainer, twice. First both are given the
same answers, and the script says how far apart their weights end: with the settings below they are one algorithm. Then
TRL writes answers of its own, with ``generate`` of transformers, and the script says what the policies are worth in the
end, and how long an update takes.

For a real model ``model`` and ``processing_class`` are its name, and prompts a chat's messages; answers are longer
(``max_completion_length``), weights have 16 bits (leave out ``bf16=False`` and ``use_cpu``), what is trained is an
adapter (``peft_config=LoraConfig()``), and vLLM writes (``use_vllm=True``). None of that is run here.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rlhf_helpers import (
    Models,
    collect,
    dpo,
    grpo,
    rloo,
    sample_with,
    train,
    uniform_policy,
)
from rlhf_helpers.beyond._common import add_learning_rate, at_least, reward_and_kl
from rlhf_helpers.ties import tied
from rlhf_helpers.training import seeded

ANSWERS, LENGTH, GROUP = 32, 8, 8
METHODS = {"grpo": grpo, "rloo": rloo, "dpo": dpo}
KL_COEFF = {"grpo": 0.1, "rloo": 0.5, "dpo": 0.5}
END = 10  # the id of an end token that the policy does not have, so that every answer has the full length

COMMON = {
    "per_device_train_batch_size": ANSWERS,  # one device, so this is the batch
    "gradient_accumulation_steps": 1,  # and an update follows each
    "lr_scheduler_type": "constant",  # TRL's default falls to 0
    "max_grad_norm": 0.0,  # no clipping of the gradient's length: the default is 1
    "weight_decay": 0.0,  # the default already; with it AdamW would not be Adam
    "gradient_checkpointing": False,  # saves memory that we do not need
    "bf16": False,  # the default on every machine is 16 bits
    "use_cpu": True,
    "logging_steps": 10,  # the default already, and what the book's loop gets as measure_every
    "save_strategy": "no",
    "report_to": "none",
    "disable_tqdm": True,
}
WRITING = {
    "num_generations": GROUP,  # our group_size
    "max_completion_length": LENGTH,
    "temperature": 1.0,  # the default already
    "generation_kwargs": {"use_cache": False},  # a table has nothing to remember
}
SETTINGS = {
    "grpo": COMMON
    | WRITING
    | {
        "loss_type": "grpo",  # the paper's mean over each answer; the default, "dapo", is over all tokens
        "scale_rewards": "group",  # our normalize=True: the same standard deviation, plus 1e-4 in both
        "epsilon": 0.2,  # our clip_eps
        "use_bias_correction_kl": False,  # the paper's k3; by default TRL multiplies it by the ratio
    },
    "rloo": COMMON
    | WRITING
    | {
        "normalize_advantages": False,  # the default already
        # TRL's gradient is a sum over each answer's tokens, ours a mean over all. Adam divides by its length anyway,
        # if what it adds to that length has the same factor
        "adam_epsilon": LENGTH * 1e-8,
    },
    "dpo": COMMON
    | {
        "per_device_train_batch_size": ANSWERS // 2,  # here it counts pairs
        "loss_type": ["sigmoid"],  # the default already, and the paper's
        "train_sampling_strategy": "sequential",  # in the order in which we draw the pairs
    },
}


def pay(completion_ids: list[list[int]], **_: Any) -> list[float]:
    """Return what answers are paid, in the form that TRL asks for: one number each."""
    return [float(ids.count(1)) for ids in completion_ids]


def in_transformers(policy: nn.Module, folder: Path) -> nn.Module:
    """Return the policy as a model of transformers; TRL loads its reference from the folder.

    Args:
        policy: the policy, whose weights are copied.
        folder: where it is saved.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationMixin, PreTrainedConfig, PreTrainedModel
    from transformers.modeling_outputs import BaseModelOutput, CausalLMOutput

    class TenTokensConfig(PreTrainedConfig):
        model_type = "ten_tokens"
        auto_map = {}  # TRL asks whether code comes with the weights
        vocab_size: int = 10
        hidden_size: int = 16

    class Body(PreTrainedModel):  # TRL takes the hidden states, and applies the head itself
        config_class = TenTokensConfig

        def __init__(self, config: TenTokensConfig):
            super().__init__(config)
            self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
            self.post_init()

        def forward(self, input_ids: Tensor, **_: Any) -> BaseModelOutput:
            return BaseModelOutput(last_hidden_state=self.embed(input_ids))

    class TenTokens(PreTrainedModel, GenerationMixin):
        config_class = TenTokensConfig
        base_model_prefix = "body"

        def __init__(self, config: TenTokensConfig):
            super().__init__(config)
            self.body = Body(config)
            self.head = nn.Linear(config.hidden_size, config.vocab_size)
            self.post_init()

        def get_input_embeddings(self) -> nn.Module:
            return self.body.embed

        def get_output_embeddings(self) -> nn.Module:
            return self.head

        def forward(self, input_ids: Tensor, **_: Any) -> CausalLMOutput:
            return CausalLMOutput(logits=self.head(self.body(input_ids).last_hidden_state))

    AutoConfig.register(TenTokensConfig.model_type, TenTokensConfig, exist_ok=True)
    AutoModelForCausalLM.register(TenTokensConfig, TenTokens, exist_ok=True)
    model = TenTokens(TenTokensConfig()).double()
    model.body.embed.load_state_dict(policy.embed.state_dict())
    model.head.load_state_dict(policy.head.state_dict())
    model.save_pretrained(folder)
    return TenTokens.from_pretrained(folder, dtype=torch.float64)


def tokenizer() -> Any:
    """Return a tokenizer whose text is the ids: "0 1 1"."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({str(token): token for token in range(END)} | {"<end>": END}))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>", pad_token="<end>")


def pairs(policy: nn.Module, steps: int, seed: int) -> list[dict[str, list[int]]]:
    """Return the pairs that ``train(dpo, sample_from="reference", seed=seed)`` draws, as TRL's rows of token ids.

    A tie has no better answer, and no gradient: it becomes a pair of one answer with itself.
    """
    generator, rows = seeded(seed), []
    for _ in range(steps):
        uniforms = torch.rand(ANSWERS, LENGTH, generator=generator, dtype=torch.float64)
        batch = collect(Models(policy), policy, uniforms)
        for ids, scores in zip(batch.completion_ids.view(-1, 2, LENGTH), batch.rewards.sum(1).view(-1, 2), strict=True):
            chosen = int(scores.argmax())
            rejected = chosen if tied(*scores) else 1 - chosen
            rows.append({"prompt_ids": [0], "chosen_ids": ids[chosen].tolist(), "rejected_ids": ids[rejected].tolist()})
    return rows


def trainer_of(method: str, policy: nn.Module, folder: Path, *, steps: int, learning_rate: float, seed: int) -> Any:
    """Return TRL's trainer, ready to train a copy of the policy.

    Args:
        method: "grpo", "rloo" or "dpo".
        policy: where it starts, and its reference.
        folder: for its files.
        steps: how many updates.
        learning_rate: Adam's.
        seed: of what it samples; of DPO's pairs.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import trl
        from datasets import Dataset
        from transformers import PrinterCallback

    class PairsOfIds(trl.DPOTrainer):
        def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
            return dataset  # TRL would add an end token to every answer, which our policy does not have

    trainers = {"grpo": trl.GRPOTrainer, "rloo": trl.RLOOTrainer, "dpo": PairsOfIds}
    config = {"grpo": trl.GRPOConfig, "rloo": trl.RLOOConfig, "dpo": trl.DPOConfig}[method](
        output_dir=str(folder),
        beta=KL_COEFF[method],
        learning_rate=learning_rate,
        max_steps=steps,
        seed=seed,
        **SETTINGS[method],
    )
    if method == "dpo":
        data = {"train_dataset": Dataset.from_list(pairs(policy, steps, seed))}
    else:
        prompts = ["0"] * (steps * ANSWERS // GROUP)
        data = {"train_dataset": Dataset.from_dict({"prompt": prompts}), "reward_funcs": pay}
    trainer = trainers[method](model=in_transformers(policy, folder), args=config, processing_class=tokenizer(), **data)
    trainer.remove_callback(PrinterCallback)
    return trainer


def give_answers(model: nn.Module, seed: int) -> None:
    """Let a model of transformers write what :func:`rlhf_helpers.train` with this seed would let it write."""
    generator = seeded(seed)

    def generate(input_ids: Tensor, **_: Any) -> Tensor:
        uniforms = torch.rand(len(input_ids), LENGTH, generator=generator, dtype=torch.float64)
        written = sample_with(lambda ids: model.head(model.body.embed(ids)), input_ids, uniforms)
        return torch.cat([input_ids, written], dim=1)

    model.generate = generate


class Run(list):
    """The weights before each update and after the last, and how long the process had computed by then."""

    def __init__(self):
        super().__init__()
        self.moments = []

    def look(self, policy: nn.Module) -> None:
        """Note both."""
        self.moments.append(time.process_time())  # whatever else runs on this machine
        self.append([parameter.detach().clone() for parameter in policy.parameters()])

    def worth(self) -> tuple[list[float], list[float]]:
        """Return the exact reward and KL per token before each update and after the last."""
        exact = [[round(number, 6) for number in reward_and_kl(weights, LENGTH)] for weights in self]
        return tuple(zip(*exact, strict=True))

    def milliseconds(self) -> float:
        """Return how long an update computes, of the quickest tenth: whatever else a machine does only adds to it."""
        spans = [1000 * (after - before) for before, after in zip(self.moments[1:], self.moments[2:], strict=False)]
        return sorted(spans)[len(spans) // 10]

    def distance(self, other: "Run", update: int) -> float:
        """Return how far two runs are apart after an update: the largest difference of two weights."""
        return max(float((a - b).abs().max()) for a, b in zip(self[update], other[update], strict=True))


def in_the_book(method: str, policy: nn.Module, *, steps: int, learning_rate: float, seed: int) -> Run:
    """Train with the book's loop."""
    run = Run()

    def looked_at(models: Models, *batch: Any, **knobs: float) -> tuple[Tensor, dict[str, Tensor]]:
        run.look(models.policy)
        return METHODS[method](models, *batch, **knobs)

    sample_from = "reference" if method == "dpo" else "policy"
    knobs = {"kl_coeff": KL_COEFF[method], "batch_size": ANSWERS, "completion_length": LENGTH}
    options = {
        "steps": steps,
        "learning_rate": learning_rate,
        "seed": seed,
        "sample_from": sample_from,
        "measure_every": 10,
    }
    run.look(train(looked_at, policy=policy, **options, **knobs).policy)
    return run


def in_trl(method: str, policy: nn.Module, *, steps: int, learning_rate: float, seed: int, same: bool) -> Run:
    """Train with TRL's trainer; ``same`` gives it the answers that the book's loop would write."""
    from transformers import TrainerCallback

    run = Run()

    class Look(TrainerCallback):
        def on_step_begin(self, *_: Any, model: nn.Module, **__: Any) -> None:
            run.look(model)

    with tempfile.TemporaryDirectory() as folder:
        options = {"steps": steps, "learning_rate": learning_rate, "seed": seed}
        trainer = trainer_of(method, policy, Path(folder), **options)
        trainer.add_callback(Look)
        if same:
            give_answers(trainer.model, seed)
        trainer.train()
        run.look(trainer.model)
    return run


def compare(method: str, *, steps: int, learning_rate: float, seed: int) -> dict[str, Any]:
    """Train in both, print what came of it, and return it."""
    policy = uniform_policy(generator=seeded(0)).double()
    options = {"steps": steps, "learning_rate": learning_rate, "seed": seed}
    same = in_trl(method, policy, **options, same=True)
    runs = {"book": [], "trl": []}
    for _ in range(3):  # all alike but for what the machine does beside them
        runs["book"] += [in_the_book(method, policy, **options) for _ in range(5)]  # so both are watched for as long
        runs["trl"].append(in_trl(method, policy, **options, same=False))
    apart = {update: runs["book"][0].distance(same, update) for update in (1, steps)}
    milliseconds = {name: min(run.milliseconds() for run in alike) for name, alike in runs.items()}
    if method == "dpo":  # the book draws its pairs as it goes; TRL gets them before, and is charged for them here
        begun = time.process_time()
        pairs(policy, steps, seed)
        milliseconds["trl"] += 1000 * (time.process_time() - begun) / steps
    curves = {name: dict(zip(("reward", "kl"), run.worth(), strict=True)) for name, (run, *_) in runs.items()}
    reward = {name: curve["reward"][-1] for name, curve in curves.items()}
    print(
        f"{method}: from the same answers the weights differ by {apart[1]:.0e} after one update, "
        f"{apart[steps]:.0e} after {steps}\n"
        f"{method}: reward {reward['book']:.3f} in the book, {reward['trl']:.3f} in TRL; "
        f"an update computes for {milliseconds['book']:.1f} ms in the book, {milliseconds['trl']:.1f} ms in TRL, "
        f"{milliseconds['trl'] / milliseconds['book']:.1f} times as long",
        flush=True,
    )
    return {"apart": apart, "curves": curves, "milliseconds": milliseconds}


@contextmanager
def quiet_trl() -> Iterator[str]:
    """Import TRL so that it asks no network, leaves no files and speaks of faults alone; give its version."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"HF_HOME": home, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        try:
            import transformers
            import trl
        except ImportError:
            sys.exit("this script needs TRL: python -m pip install -r requirements/beyond.txt")
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield trl.__version__


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(
        prog="python -m rlhf_helpers.beyond.in_trl", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--method", choices=list(METHODS), nargs="+", default=list(METHODS))
    parser.add_argument("--steps", type=at_least(3), default=60)
    add_learning_rate(parser, 0.05)
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--out", type=Path, help="a file for the curves, as JSON")
    args = parser.parse_args(arguments)
    if args.out and not args.out.parent.is_dir():
        parser.error(f"--out must be in a folder that exists, got {args.out}")
    torch.set_num_threads(1)
    with quiet_trl() as version:
        options = {"steps": args.steps, "learning_rate": args.learning_rate, "seed": args.seed}
        found = {method: compare(method, **options) for method in args.method}
    if args.out:
        args.out.write_text(json.dumps({"trl": version, **options, "methods": found}) + "\n", "utf-8")


if __name__ == "__main__":
    main()
