"""What the product takes, as ratios in one run: `python -m train_scripts.benchmark [WORD] …`.

Without a word: how close the product comes to its bare network. `gallery`: galleries of any size. `ground`: photos laid
on the ground of a gallery. `metrics`: the vectorised evaluation beside a loop. `load`: many clients of a running app.
`training CONFIG.toml`: training as a config describes it.
"""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark that the first word names."""
    given = sys.argv[1:] if argv is None else argv
    if given[:1] == ["gallery"]:
        from train_scripts.benchmarks.gallery import main as measure
    elif given[:1] == ["ground"]:
        from train_scripts.benchmarks.ground import main as measure
    elif given[:1] == ["load"]:
        from train_scripts.benchmarks.load import main as measure
    elif given[:1] == ["metrics"]:
        from train_scripts.benchmarks.metrics import main as measure
    elif given[:1] == ["training"]:
        from train_scripts.benchmarks.training import main as measure
    else:
        from train_scripts.benchmarks import product

        product.main(given)
        return
    measure(given[1:])


if __name__ == "__main__":
    main()
