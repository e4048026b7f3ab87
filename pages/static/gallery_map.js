// The tiles of a gallery, drawn on canvases so that a hundred thousand stay fluid; the page tells which ones to mark.
// tiles: {origin: [lon, lat], corners: base64 of float32, eight a tile: lon, lat of its corners from the origin}.
function galleryMap(map, tiles, all, over) {
  const COLOURS = {duplicate: '#f59e0b', lookalike: '#c084fc', blank: '#38bdf8', gap: '#ef4444'};
  const CHOSEN = '#ffb703', KINDS = ['duplicate', 'lookalike', 'blank'];
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
      const seen = [[], ...KINDS.map(() => [])];
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
      pen.globalAlpha = Math.min(0.6, Math.max(0.12, width / 60));  // many small ones would be one grey
      each(seen[0], () => pen.stroke());
      KINDS.forEach((kind, n) => {
        pen.fillStyle = pen.strokeStyle = COLOURS[kind];
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
  const pane = (name, height) => Object.assign(map.createPane(name).style, {zIndex: height, pointerEvents: 'none'}) && name;
  const layer = new Footprints({pane: pane('footprints', 410), noWrap: true, updateWhenIdle: false, keepBuffer: 1}).addTo(map);
  const above = {pane: pane('marked', 420), interactive: false};

  // --- one tile is chosen ---
  const chosen = L.layerGroup().addTo(map), twins = new Map();
  const outline = (row, dashes) => L.polygon(ring(row), {...above, color: CHOSEN, weight: 3, fill: false, dashArray: dashes});
  const choose = (row, say = true) => {
    chosen.clearLayers();
    chosen.addLayer(outline(row));
    const twin = twins.get(row);
    if (twin !== undefined) {
      const ends = [row, twin].map(each => L.latLngBounds(ring(each)).getCenter());
      chosen.addLayer(outline(twin, '4 5'));
      chosen.addLayer(L.polyline(ends, {...above, color: CHOSEN, weight: 2, dashArray: '2 6'}));
    }
    if (say) parent.postMessage({src: 'mean-map', rank: row + 1}, '*');
  };
  const inside = (row, x, y) => {
    let odd = false;
    for (let n = 0, before = 3; n < 4; before = n++) {
      const a = 4 * row + n, b = 4 * row + before;
      if (ys[a] > y !== ys[b] > y && x < (xs[b] - xs[a]) * (y - ys[a]) / (ys[b] - ys[a]) + xs[a]) odd = !odd;
    }
    return odd;
  };
  map.on('click', ({latlng}) => {
    const x = across(latlng.lng), y = down(latlng.lat);
    let best = -1, least = Infinity;
    for (let row = 0; row < count; row++) {
      const at = 4 * row;
      if (x < boxes[at] || x > boxes[at + 2] || y < boxes[at + 1] || y > boxes[at + 3] || !inside(row, x, y)) continue;
      const away = Math.hypot(x - (boxes[at] + boxes[at + 2]) / 2, y - (boxes[at + 1] + boxes[at + 3]) / 2) - (marks[row] ? 1 : 0);
      if (away < least) [best, least] = [row, away];
    }
    if (best >= 0) choose(best);
  });

  // --- what the page tells: the gallery's health, and which kind of trouble to go through ---
  const rows = {}, gaps = L.featureGroup().addTo(map), turn = {};
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const known = row => Number.isInteger(row) && row >= 0 && row < count;
  const mark = health => {
    marks.fill(0);
    twins.clear();
    gaps.clearLayers();
    for (const [row, twin] of health.twins) if (known(row) && known(twin)) twins.set(row, twin);
    [...KINDS].reverse().forEach(kind => {  // a repeated tile is told as such, whatever else it is
      rows[kind] = health[kind].filter(known);
      for (const row of rows[kind]) marks[row] = 1 + KINDS.indexOf(kind);
    });
    for (const hole of health.gaps) L.polygon(hole, {...above, color: COLOURS.gap, weight: 2, fillOpacity: 0.35}).addTo(gaps);
    layer.redraw();
  };
  const visit = kind => {
    const holes = gaps.getLayers(), length = kind === 'gap' ? holes.length : rows[kind]?.length;
    if (!length) return;
    const next = turn[kind] = ((turn[kind] ?? -1) + 1) % length;
    const bounds = kind === 'gap' ? holes[next].getBounds() : L.latLngBounds(ring(rows[kind][next]));
    stays();
    map.flyToBounds(bounds.pad(1.5), {animate: !calm, duration: 0.7, maxZoom: 18});
    if (kind !== 'gap') choose(rows[kind][next]);
  };
  addEventListener('message', event => {
    if (event.source !== parent || event.data?.src !== 'mean-page') return;
    if (event.data.health) mark(event.data.health);
    else if (typeof event.data.visit === 'string' && Object.hasOwn(COLOURS, event.data.visit)) visit(event.data.visit);
  });
  const stays = bridge(map, all, {});  // says "ready" to the page
}
