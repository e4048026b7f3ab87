// Tiles drawn on canvases, so that a hundred thousand stay fluid. Returns what may be asked and done about them.
// tiles: {origin: [lon, lat], corners: base64 of float32, eight a tile: lon, lat of its corners from the origin}.
// over: whether imagery lies below. colours: of the kinds that tiles may be marked as.
function footprints(map, tiles, over, colours = []) {
  const TOGETHER = 32;  // so many tiles are one path: of 21,000 tiles 20 ms, of all as one path 2 s
  const bytes = Uint8Array.from(atob(tiles.corners), letter => letter.charCodeAt(0));
  const offsets = new Float32Array(bytes.buffer), count = offsets.length / 8;
  const corner = (row, n) => [tiles.origin[1] + offsets[8 * row + 2 * n + 1], tiles.origin[0] + offsets[8 * row + 2 * n]];
  const ring = row => [0, 1, 2, 3].map(n => corner(row, n));

  // Web Mercator with the whole world one wide; a tile's box as west, north, east, south.
  const across = lon => (lon + 180) / 360;
  const down = lat => (1 - Math.asinh(Math.tan(lat * Math.PI / 180)) / Math.PI) / 2;
  const xs = new Float64Array(4 * count), ys = new Float64Array(4 * count), boxes = new Float64Array(4 * count);
  for (let row = 0; row < count; row++) {
    for (let n = 0; n < 4; n++) {
      const [lat, lon] = corner(row, n);
      xs[4 * row + n] = across(lon);
      ys[4 * row + n] = down(lat);
    }
    const x = xs.subarray(4 * row, 4 * row + 4), y = ys.subarray(4 * row, 4 * row + 4);
    boxes.set([Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)], 4 * row);
  }

  const marks = new Uint8Array(count);  // 0: none, else 1 + the kind's number
  const Footprints = L.GridLayer.extend({
    createTile({x, y, z}) {
      const side = this.getTileSize().x, scale = 256 * 2 ** z, sharp = devicePixelRatio || 1;
      const sheet = L.DomUtil.create('canvas');
      sheet.width = sheet.height = side * sharp;
      const pen = sheet.getContext('2d');
      pen.setTransform(sharp, 0, 0, sharp, 0, 0);
      const seen = [[], ...colours.map(() => [])];
      const west = x * side / scale, north = y * side / scale, reach = (side + 2) / scale;
      let width = 0;
      for (let row = 0; row < count; row++) {
        const at = 4 * row;
        if (boxes[at] > west + reach || boxes[at + 2] < west || boxes[at + 1] > north + reach || boxes[at + 3] < north) continue;
        seen[marks[row]].push(at);
        width = (boxes[at + 2] - boxes[at]) * scale;
      }
      const each = (rows, draw) => {
        for (let first = 0; first < rows.length; first += TOGETHER) {
          pen.beginPath();
          for (const at of rows.slice(first, first + TOGETHER)) {
            pen.moveTo(xs[at] * scale - x * side, ys[at] * scale - y * side);
            for (let n = 1; n < 4; n++) pen.lineTo(xs[at + n] * scale - x * side, ys[at + n] * scale - y * side);
            pen.closePath();
          }
          draw();
        }
      };
      pen.strokeStyle = over ? '#fff' : '#64748b';
      pen.globalAlpha = Math.min(over ? 0.4 : 0.6, Math.max(0.12, width / 60));  // many small ones would be one grey
      each(seen[0], () => pen.stroke());
      colours.forEach((colour, n) => {
        pen.fillStyle = pen.strokeStyle = colour;
        each(seen[n + 1], () => {
          pen.globalAlpha = 0.22;
          pen.fill();
          pen.globalAlpha = 0.95;
          pen.stroke();
        });
      });
      return sheet;
    },
  });
  // Above the imagery, which lies in Leaflet's pane for overlays; clicks go through to the map.
  Object.assign(map.createPane('footprints').style, {zIndex: 410, pointerEvents: 'none'});
  const layer = new Footprints({pane: 'footprints', noWrap: true, updateWhenIdle: false, keepBuffer: 1}).addTo(map);

  const inside = (row, x, y) => {
    let odd = false;
    for (let n = 0, before = 3; n < 4; before = n++) {
      const a = 4 * row + n, b = 4 * row + before;
      if (ys[a] > y !== ys[b] > y && x < (xs[b] - xs[a]) * (y - ys[a]) / (ys[b] - ys[a]) + xs[a]) odd = !odd;
    }
    return odd;
  };
  const at = ({lat, lng}) => {  // the tile there, -1 for none: a marked one rather than another, then the nearest middle
    const x = across(lng), y = down(lat);
    let best = -1, least = Infinity;
    for (let row = 0; row < count; row++) {
      const at = 4 * row;
      if (x < boxes[at] || x > boxes[at + 2] || y < boxes[at + 1] || y > boxes[at + 3] || !inside(row, x, y)) continue;
      const away = Math.hypot(x - (boxes[at] + boxes[at + 2]) / 2, y - (boxes[at + 1] + boxes[at + 3]) / 2) - (marks[row] ? 1 : 0);
      if (away < least) [best, least] = [row, away];
    }
    return best;
  };
  return {count, ring, marks, at, redraw: () => layer.redraw()};
}
