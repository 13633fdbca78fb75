r"""The methods of the book, each a small function for ``train``.

A method receives the models and a batch and returns ``(loss, series)``: a scalar to minimize and, by name, what it
wants to have recorded of the batch, each one number. Write your own in the same shape and hand it to ``train``.

**The unit of** ``kl_coeff`` is the same for all. What a method maximizes is the reward of a completion minus
``kl_coeff`` times the KL of a *whole completion*, so that ``kl_coeff`` is the price of a nat in units of reward:

.. math:: \mathbb{E}_{y \sim \pi_\theta}\Bigl[\sum_t r_t\Bigr]
    - \beta\, \mathbb{E}_{y \sim \pi_\theta}\Bigl[\log \frac{\pi_\theta(y)}{\pi_{\mathrm{ref}}(y)}\Bigr]

A loss that is a mean over tokens divides both terms by the number of tokens and keeps their proportion. So, for a
policy held fixed, the *pull* of a method (what ``kl_coeff`` adds to the gradient of its expected loss) is ``kl_coeff``
times the gradient of this KL, on the scale of its *push* (the gradient of the reward):

- :func:`ppo` with ``kl_in="reward"``, :func:`rloo`, :func:`spo`: exactly.
- :func:`reweighted_ppo`: exactly, for another reward. What it raises is not the pay of a completion but the share of
  comparisons that the completion wins, at most 1 whatever the gap.
- :func:`dpo`: it has no pull of its own. ``kl_coeff`` multiplies the log ratio inside the sigmoid, and with
  ``soft_labels`` the loss is lowest where reward minus ``kl_coeff`` times this KL is largest. Hard labels have no such
  place: from them the loss learns to go on.
- :func:`ppo` with ``kl_in="loss"``: the KL of every next token after the prefixes that were sampled, as if a token had
  no part in which prefixes come after it: KL(policy || reference) for k2, KL(reference || policy) for k3, nothing for
  k1. The push is that of a baseline which contains the completion itself, (B - 1) / B of the whole.
- :func:`grpo`: the same with k3, and the push is (G - 1) / G of the whole, or divided by the standard deviation of the
  group, which is in no unit of reward.
- :func:`baby_ppo`: KL(sampler || policy) of a whole completion, a pull to whoever sampled: nothing on fresh samples.

``tests/unit/test_methods.py`` computes every line of this list from all completions of a small vocabulary.
"""

from rlhf_helpers.methods.policy_gradient import baby_ppo, grpo, ppo, rloo
from rlhf_helpers.methods.preference import dpo, reweighted_ppo, spo

__all__ = ["baby_ppo", "dpo", "grpo", "ppo", "reweighted_ppo", "rloo", "spo"]
