"""The colours of roofs, walls, grounds and plants, as they are in sunlight."""

from __future__ import annotations

from train_scripts.data.world.scene import Kind

Rgb = tuple[int, int, int]


def colours(text: str) -> tuple[Rgb, ...]:
    """Colours from their hexadecimal notation."""
    return tuple((red, green, blue) for red, green, blue in map(bytes.fromhex, text.split()))


ROOFS = (
    colours("945e4a 8a5644 9e6a54 7e5042 5c5858 766256 886452"),  # clay
    colours("605e60 525256 706c6a 806052 685c54 4a4c52"),  # slate
    colours("b27c5c bc8a68 a86c50 c49876 96624c b0a494"),  # south
    colours("765a4a 8a624e 64544a 80746a 5a5e5a 96826e"),  # shingle
)
WALLS = (
    colours("d6cebe c8bca8 e2ded4 beaa92 b4826c cec496"),
    colours("986854 a87660 c4beb6 8e6050 b2aaa0 825c4e"),
    colours("e8e2d6 e0d2b8 d6ba96 dec8b2 ece8e2 ccac8c"),
)
FLATS = colours("a8a6a2 949290 bab8b4 78787a 9e988e 868a84")
HALLS = colours("b0b4b8 969ca2 c4c4c2 808c96 a2968c 6e767e")
CONTAINERS = colours("963e30 30547a 406c4e b0823c 969696 6e3c32")
BOATS = colours("e2e2de ced2d4 3c5478 beb096 963c36 eceae4")
CARS = colours("d6d6d4 bec0c2 96989c 606266 34363a 282a2e 485470 3c4864 8c342e e2e2e0 a8a092 546058")

GROUNDS = {
    Kind.SOIL: colours("765e48 886e54"),
    Kind.ASPHALT: colours("626264 7a7876"),
    Kind.PAVING: colours("928e88 a8a096"),
    Kind.CONCRETE: colours("a4a098 b8b4ac"),
    Kind.GRAVEL: colours("a4967e b6a890"),
    Kind.SAND: colours("ccbc9a d8caa8"),
    Kind.POND: colours("3c4e46 485c50"),
    Kind.POOL: colours("6cb6c4 7cc2cc"),
    Kind.TARTAN: colours("9e5442 a85c4c"),
    Kind.COURT: colours("486c70 a66246"),
    Kind.PLAZA: colours("aca090 bab0a2"),
    Kind.WOOD: colours("8e7c66 9c8a74"),
    Kind.SOLAR: colours("30364a 383e54"),
    Kind.YARD: colours("8a847a 9e9488"),
    Kind.SEA: colours("3c5a64 3c5a64"),
    Kind.RIVER: colours("4e5c4c 4e5c4c"),
    Kind.ROCK: colours("80786e 80786e"),
    Kind.BALLAST: colours("7a7068 7a7068"),
}
"""Of each kind the two colours between which an area's variant chooses."""

GREENS = {
    Kind.MEADOW: colours("5c703a 768248 647040 968c5c 787448 887c52 7a7454 8c8262"),
    Kind.LAWN: colours("547038 6a7e44 4e6634 868054 626a3e 78744c 70704e 807a5c"),
    Kind.FOREST: colours("424e2e 545a38 343e28 42482e 604e32 705838 625844 70624c"),
    Kind.ORCHARD: colours("687a42 848458 76784c 968860 7e744e 907c58 80765a 908268"),
    Kind.PITCH: colours("4a7036 587a3e 486c38 5c7842 4e6a3a 607242 626e48 6e7450"),
}
"""The same of what grows: two for each season."""

CROPS = {
    "spring": colours("567436 627c3c baae42 8a7056 987e62 708044 4c6834 7a644e"),
    "summer": colours("c0aa74 b09c68 5c723a 4e6634 ccba88 988c58 6e7a42 92785c"),
    "autumn": colours("8a6e52 78604a b09c70 6e7642 9e8462 606c3c 947a5e baa67c"),
    "winter": colours("7e6852 705e4c 687246 8e7c62 86745c 767a52 988a70 625446"),
}

TREES = {
    "spring": colours("546a36 727e48 30462c 3e5032 4c6632 60743c 968c7a 707e48 546a3a 60703e"),
    "summer": colours("425830 626e40 2e402e 3c4c34 3c542c 506234 4a6032 62703e 4e6436 5c6c3c"),
    "autumn": colours("9c6c30 626836 2c3e28 38482e 645c32 545c34 947038 70683a 546438 5c6a3c"),
    "winter": colours("706250 5c5644 2e3e2c 384832 58583e 4c5238 706454 625a48 56623e 5c6640"),
}
"""Two colours each, between which a tree's hue chooses: broadleaf, conifer, bush, fruit, palm."""
