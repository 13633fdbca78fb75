"""Beyond the laptop: the same loop on several processes, each a script to run and to keep.

- ``two_learners``: ``torchrun``, two processes, one gradient;
- ``apart``: Ray, a sampler and a learner with a queue between them;
- ``in_trl``: the same ten tokens in TRL's trainers.
"""
