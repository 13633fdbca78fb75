import hashlib

import pytest
import torch
from support.enumeration import seeded

from rlhf_helpers import TinyPolicy
from rlhf_helpers.draws import normal_, uniform_
from rlhf_helpers.gpt import TinyGPT


@pytest.mark.parametrize("shape", [(10, 16), (28, 48), (3, 5), (1,)])
def test_the_numbers_are_torchs_up_to_rounding(shape):
    ours, torchs = torch.empty(shape), torch.empty(shape)
    uniform_(ours, 0.3, generator=seeded())
    torch.nn.init.uniform_(torchs, -0.3, 0.3, generator=seeded())
    torch.testing.assert_close(ours, torchs, rtol=0, atol=1e-7)
    normal_(ours, std=0.5, generator=seeded())
    if ours.numel() % 16 == 0:  # torch draws the end of other sizes in another way
        torch.nn.init.normal_(torchs, std=0.5, generator=seeded())
        torch.testing.assert_close(ours, torchs, rtol=0, atol=1e-6)


def test_normal_numbers_of_any_size_are_normal():
    numbers = torch.empty(30_001)
    normal_(numbers, std=2.0, generator=seeded())
    assert numbers.mean().abs() < 0.05
    assert (numbers.std() - 2).abs() < 0.05
    assert ((numbers.abs() < 2).double().mean() - 0.6827).abs() < 0.01


def test_the_dtype_of_the_process_changes_nothing():
    """A run in double precision begins where the others do."""
    single, double = torch.empty(32), torch.empty(32, dtype=torch.float64)
    for draw in (normal_, lambda weight, generator: uniform_(weight, 0.3, generator=generator)):
        draw(single, generator=seeded())
        draw(double, generator=seeded())
        assert torch.equal(single, double.float())
        assert not torch.equal(single.double(), double)


@pytest.mark.parametrize(
    ("make", "digest"),
    [
        (lambda: TinyPolicy(generator=seeded()), "d28f7a148a6d8885"),
        (lambda: TinyPolicy(7, 5, generator=seeded()), "7fa48e1f25e292eb"),
        (lambda: TinyGPT(generator=seeded()), "0412f05b10e3d2d0"),
    ],
)
def test_initial_weights_are_these_bits_on_every_processor(make, digest):
    """With torch's own, AVX-512 and no vector instructions at all give two of each."""
    raw = b"".join(parameter.detach().numpy().astype("<f4").tobytes() for parameter in make().parameters())
    assert hashlib.sha256(raw).hexdigest().startswith(digest)
