"""Lambda of cross training, the weight of the map tower (Qi et al. 2019, eq. 4), which the paper does not give.

    python launch.py --sweep configs/sweeps/rem_lambda.py --config configs/rem.py:small --workdir runs/lambda

Four runs, `map_scale=0.1` to `map_scale=1.0`, in folders of these names. With `:seeds` after the file's name each is
run with three seeds, on one split:

    python launch.py --sweep configs/sweeps/rem_lambda.py:seeds --config configs/rem.py:small --workdir runs/lambda

About 25 minutes a run on two CPU cores. Choose by the results on validation.
"""

from collections.abc import Callable


def sweep(add: Callable[..., None], variant: str) -> None:
    if variant not in ("", "seeds"):
        raise ValueError(f"unknown variant {variant!r}, expected 'seeds' or none")
    for seed in (0, 1, 2) if variant else (0,):
        for scale in (0.1, 0.2, 0.5, 1.0):
            add({"model.map_scale": scale}, seed=seed)
