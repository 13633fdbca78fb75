"""Beyond the laptop: the same loop on several processes, each a script to run and to keep.

- ``two_learners``: ``torchrun``, two processes, one gradient;
- ``apart``: Ray, a sampler and a learner with a queue between them;
- ``in_trl``: the ten tokens in TRL's trainers, beside the book's loop;
- ``rosetta``: our names against those of other libraries, held against their files.

``apart`` and ``in_trl`` need ``requirements/beyond.txt``; the chapter on them, its figures and this package do not.
"""
