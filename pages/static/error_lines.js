// Errors of an evaluation: a ring at the truth, a dot at the answer, a line between; a click tells its query.
// lines: [query, true lon, true lat, lon, lat, metres as text]; texts from files are only ever text.
function errorLines(map, lines, all) {
  const pen = L.canvas({padding: 0.3, tolerance: 6}), known = {};
  for (const [query, trueLon, trueLat, lon, lat, away] of lines) {
    const truth = [trueLat, trueLon], answer = [lat, lon];
    const line = L.polyline([truth, answer], {renderer: pen, color: '#ff5d5d', weight: 2, opacity: 0.85});
    const ring = L.circleMarker(truth, {renderer: pen, radius: 6, color: '#22d3ee', weight: 3, fillOpacity: 0.15});
    const dot = L.circleMarker(answer, {renderer: pen, radius: 4, color: '#7f1d1d', weight: 1.5, fillColor: '#ff5d5d', fillOpacity: 1});
    const group = L.featureGroup([line, ring, dot]).addTo(map);
    group.bindTooltip(() => {
      const box = document.createElement('div');
      box.textContent = away ? `${query}: ${away}` : query;
      return box;
    }, {sticky: true});
    group.on('click', () => parent.postMessage({src: 'mean-map', query}, '*'));
    known[query] = [group, line];
  }
  bridge(map, all, {});
  addEventListener('message', event => {
    if (event.source !== parent || event.data?.src !== 'mean-page' || typeof event.data.query !== 'string') return;
    for (const [, line] of Object.values(known)) line.setStyle({weight: 2, color: '#ff5d5d'});
    if (!Object.hasOwn(known, event.data.query)) return;
    const [group, line] = known[event.data.query];
    line.setStyle({weight: 5, color: '#ffb703'});
    group.bringToFront();
  });
}
