"""Draws docs/architecture.svg from the tables of docs/architecture.md: `python docs/draw_architecture.py`."""

import re
import textwrap
from html import escape
from itertools import pairwise
from pathlib import Path

PAGE = Path(__file__).with_name("architecture.md")
PICTURE = Path(__file__).with_name("architecture.svg")

BOX = (176, 60)
"""Width and height of a room, pixels."""

GAP = (14, 42)
"""Distance between rooms side by side, and between floors, pixels."""

MARGIN, TITLE, LETTERS = 18, 26, 31
"""Space inside a frame and height of its title, pixels; letters in a line of a room's description."""

Rooms = dict[str, tuple[str, set[str]]]
"""By name: what a folder or room holds, and what it may import."""

Graph = dict[str, set[str]]
Point = tuple[float, float]


def rows_of(page: str) -> Rooms:
    """The rows of all tables: of folders, whose names have no slash, and of rooms, whose names have one."""
    rows = re.findall(r"^\| ([\w./]+) \| ([^|]*) \|([^|]*)\|$", page, re.M)
    names = {room for room, _, _ in rows}
    return {room: (holds, {each.strip() for each in allowed.split(",")} & names) for room, holds, allowed in rows}


def without_detours(graph: Graph) -> Graph:
    """The arrows that no way over another room replaces."""

    def reached(room: str) -> set[str]:
        return graph[room].union(*(reached(target) for target in graph[room]))

    return {room: targets - set().union(*(reached(target) for target in targets)) for room, targets in graph.items()}


def floors_of(graph: Graph) -> dict[str, int]:
    """The floor of each room: one above the highest of those that it imports."""

    def floor(room: str) -> int:
        return 1 + max(map(floor, graph[room]), default=-1)

    return {room: floor(room) for room in graph}


def layered(graph: Graph) -> tuple[list[list[str]], list[list[str]]]:
    """What stands on each floor, the lowest first, and the ways of the arrows.

    A way names its room, a point "room>target@floor" on each floor that it passes, and its target.
    """
    floors = floors_of(graph)
    layers: list[list[str]] = [[] for _ in range(max(floors.values()) + 1)]
    for room in sorted(graph):
        layers[floors[room]].append(room)
    ways = []
    for room in sorted(graph):
        for target in sorted(graph[room]):
            passed = range(floors[room] - 1, floors[target], -1)
            points = {floor: f"{room}>{target}@{floor}" for floor in passed}
            for floor, name in points.items():
                layers[floor].append(name)
            ways.append([room, *points.values(), target])
    return layers, ways


def side(name: str) -> int:
    """Width of what stands on a floor, pixels: a room's, or nothing for a point that a way passes."""
    return 0 if "@" in name else BOX[0]


def row(layer: list[str]) -> int:
    """Width of a floor, pixels."""
    return sum(map(side, layer)) + GAP[0] * (len(layer) - 1)


def spread(layer: list[str], width: float) -> dict[str, float]:
    """The middles of what stands on a floor, side by side in the middle of a width, pixels."""
    middles, x = {}, (width - row(layer)) / 2
    for name in layer:
        middles[name] = x + side(name) / 2
        x += side(name) + GAP[0]
    return middles


def placed(graph: Graph) -> tuple[dict[str, Point], list[list[str]], float, float]:
    """Upper left corners on all floors, the ways of the arrows, and the width and height that they need, pixels."""
    layers, ways = layered(graph)
    joined: Graph = {name: set() for layer in layers for name in layer}
    for one, other in (pair for way in ways for pair in pairwise(way)):
        joined[one].add(other)
        joined[other].add(one)
    width = float(max(map(row, layers)))
    middles = {name: x for layer in layers for name, x in spread(layer, width).items()}

    def pull(name: str) -> tuple[float, str]:
        """The mean place of its neighbours, which all stand on other floors."""
        return round(sum(middles[other] for other in joined[name]) / max(1, len(joined[name])), 3), name

    for _ in range(24):
        for layer in (*layers, *reversed(layers)):
            layer.sort(key=pull)
            middles |= spread(layer, width)
    height = len(layers) * BOX[1] + (len(layers) - 1) * GAP[1]
    rise = BOX[1] + GAP[1]
    corners = {
        name: (middles[name] - side(name) / 2, float(height - BOX[1] - floor * rise))
        for floor, layer in enumerate(layers)
        for name in layer
    }
    return corners, ways, width, float(height)


def text(x: float, y: float, words: str, css: str) -> str:
    """One line of text, its middle at x."""
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{css}">{escape(words)}</text>'


def box(x: float, y: float, name: str, holds: str) -> str:
    """A room: its name and what it holds."""
    lines = textwrap.wrap(holds.replace("`", ""), LETTERS)
    middle, first = x + BOX[0] / 2, y + BOX[1] / 2 - 6 * len(lines) + 4
    words = [text(middle, first, name, "room")]
    words += [text(middle, first + 12 * number, line, "holds") for number, line in enumerate(lines, 1)]
    return f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX[0]}" height="{BOX[1]}" rx="5" class="room"/>{"".join(words)}'


def way(points: list[Point]) -> str:
    """An arrow down through points, upright at each of them."""
    curve = f"M{points[0][0]:.0f},{points[0][1]:.0f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        bend = (y1 - y0) / 2
        curve += f" C{x0:.0f},{y0 + bend:.0f} {x1:.0f},{y1 - bend:.0f} {x1:.0f},{y1:.0f}"
    return f'<path d="{curve}" class="way" marker-end="url(#head)"/>'


def frame(folder: str, rows: Rooms, at: Point) -> tuple[str, Point]:
    """A folder with its rooms. Returns: the drawing, and its width and height."""
    rooms = {room for room in rows if room.startswith(f"{folder}/")}
    corners, ways, width, height = placed(without_detours({room: rows[room][1] & rooms for room in rooms}))
    left, top = at[0] + MARGIN, at[1] + MARGIN + TITLE
    size = (max(width, 300) + 2 * MARGIN, height + 2 * MARGIN + TITLE)
    left += (size[0] - 2 * MARGIN - width) / 2
    parts = [
        f'<rect x="{at[0]:.0f}" y="{at[1]:.0f}" width="{size[0]:.0f}" height="{size[1]:.0f}" rx="8" class="frame"/>',
        text(at[0] + size[0] / 2, at[1] + 24, f"{folder}: {rows[folder][0]}", "folder"),
    ]
    for names in ways:
        points: list[Point] = []
        for name in names:
            x, y = left + corners[name][0], top + corners[name][1]
            if name not in rooms:
                points += [(x, y), (x, y + BOX[1])]
            elif name == names[0]:
                points.append((x + BOX[0] / 2, y + BOX[1]))
            else:
                points.append((x + BOX[0] / 2, y))
        parts.append(way(points))
    for room in sorted(rooms):
        x, y = corners[room]
        parts.append(box(left + x, top + y, room.removeprefix(f"{folder}/"), rows[room][0]))
    return "\n".join(parts), size


STYLE = """
text { font: 10px sans-serif; text-anchor: middle; fill: #333 }
text.room { font: bold 12px sans-serif; fill: #111 } text.folder { font: bold 14px sans-serif; fill: #111 }
rect.room { fill: #fff; stroke: #667 } rect.frame { fill: #f3f5f8; stroke: #99a }
path.way { fill: none; stroke: #557; stroke-width: 1.2 }
"""


def drawn(page: str) -> str:
    """The picture of an architecture page, as SVG."""
    rows, parts = rows_of(page), []
    y, width = float(MARGIN), 0.0
    for line in (("pages", "train_scripts"), ("gallery", "mean_model")):
        x, lowest = float(MARGIN), 0.0
        for folder in line:
            part, size = frame(folder, rows, (x, y))
            parts.append(part)
            x, lowest = x + size[0] + MARGIN, max(lowest, size[1])
        y, width = y + lowest + MARGIN, max(width, x)
    folders = [f"{name} → {', '.join(sorted(to))}" for name, (_, to) in rows.items() if "/" not in name and to]
    parts.append(text(width / 2, y + MARGIN, "Between the folders:  " + ";  ".join(folders), "folder"))
    note = y + MARGIN + 20
    parts.append(text(width / 2, note, "Arrows that a way over other rooms replaces are left out.", "holds"))
    height = note + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}">\n<style>{STYLE}</style>\n'
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#557"/></marker></defs>\n'
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


if __name__ == "__main__":
    PICTURE.write_text(drawn(PAGE.read_text("utf-8")), "utf-8")
