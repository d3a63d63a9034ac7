"""Seconds to align two ResNet-18s (11 million weights, random ones: nothing alike, so the longest descents).

    OMP_NUM_THREADS=2 python scripts/bench/align/speed.py

Seconds on the wall say much of what else the machine does; those that the process computed say little of it.
"""

from planted import random_net
from rows import Clock, flags, parsed, write

from weightspace.align import align
from weightspace.nets import build_net
from weightspace.space import WeightSpace


def main() -> None:
    arguments = parsed(flags(__doc__))
    net = build_net("resnet", width=64, blocks=[2, 2, 2, 2], in_channels=3, image_size=32)
    space = WeightSpace.trace(net, *net.example_inputs())
    one, other = random_net(space, 0), random_net(space, 1)
    clock = Clock()
    align(space, one, other)
    write(arguments.out, "speed", net="ResNet-18", entries=sum(s.numel for s in space.tensors.values()), **clock.read())


if __name__ == "__main__":
    main()
