// The tiles of a gallery: a click chooses one, and the page tells by message which ones to mark, and to go through.
// tiles, over: as `footprints` takes them. all: [[south, west], [north, east]].
function galleryMap(map, tiles, all, over) {
  const COLOURS = {duplicate: '#f59e0b', lookalike: '#c084fc', blank: '#38bdf8', gap: '#ef4444'};
  const CHOSEN = '#ffb703', KINDS = ['duplicate', 'lookalike', 'blank'];
  const {count, ring, marks, at, redraw} = footprints(map, tiles, over, KINDS.map(kind => COLOURS[kind]));

  // --- one tile is chosen ---
  Object.assign(map.createPane('marked').style, {zIndex: 420, pointerEvents: 'none'});
  const above = {pane: 'marked', interactive: false};
  const chosen = L.layerGroup().addTo(map), twins = new Map();
  const outline = (row, dashes) => L.polygon(ring(row), {...above, color: CHOSEN, weight: 3, fill: false, dashArray: dashes});
  const choose = row => {
    chosen.clearLayers();
    chosen.addLayer(outline(row));
    const twin = twins.get(row);
    if (twin !== undefined) {
      const ends = [row, twin].map(each => L.latLngBounds(ring(each)).getCenter());
      chosen.addLayer(outline(twin, '4 5'));
      chosen.addLayer(L.polyline(ends, {...above, color: CHOSEN, weight: 2, dashArray: '2 6'}));
    }
    parent.postMessage({src: 'mean-map', rank: row + 1}, '*');
  };
  map.on('click', ({latlng}) => {
    const row = at(latlng);
    if (row >= 0) choose(row);
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
    redraw();
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
