"""The barrier between two perceptrons on MNIST, and between two residual nets on grey CIFAR-10 (16x16 pixels).

    python scripts/bench/align/barriers.py mnist-mlp resnet-1x resnet-4x --data-root data

Naive, naive with a calibrated temperature, aligned, aligned with statistics measured again (batch norms) or mended
(REPAIR, RESCALE); matched by weights, by activations, and learned.
"""

from ends import end
from material import RECIPES
from rows import Clock, flags, parsed, write_curves

from weightspace.align import barrier
from weightspace.space import WeightSpace


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("names", nargs="+", choices=RECIPES)
    parser.add_argument("--methods", nargs="+", default=["weights", "activations"])
    parser.add_argument("--seeds", nargs=2, type=int, default=[0, 1])
    parser.add_argument("--points", type=int, default=11)
    parser.add_argument("--measured", type=int, default=2500, help="validation examples")
    parser.add_argument("--fit", type=int, default=2000, help="training examples to align and mend on")
    parser.add_argument("--steps", type=int, default=200, help="of learning")
    arguments = parsed(parser)
    for name in arguments.names:
        data = RECIPES[name].data(arguments.data_root)
        val = data.x_val[: arguments.measured], data.y_val[: arguments.measured]
        one, other = (end(name, seed, arguments.folder, arguments.data_root)[0] for seed in arguments.seeds)
        net = RECIPES[name].net().eval()
        space = WeightSpace.trace(net, data.x[:3])
        for method in arguments.methods:
            clock = Clock()
            found = barrier(space, net, one, other, val, arguments.points, method, fit=data.fit(arguments.fit),
                            steps=arguments.steps)  # fmt: skip
            skip = () if method == arguments.methods[0] else ("naive", "naive, calibrated")
            write_curves(arguments.out, name, found, skip, method=method, fit=arguments.fit, **clock.read())
            if method == arguments.methods[0]:
                found.plot(arguments.out.with_name(f"align-barrier-{name}.png"))


if __name__ == "__main__":
    main()
