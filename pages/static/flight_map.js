// A flight on the map: the track where it is known, a cross where it is lost, the places that the photos state, and a
// marker that goes along. fixes: [{state, at: [lat, lon] or null, radius, stated: [lat, lon] or null}], by number.
function flightTrack(map, fixes, all) {
  const track = '#ffb703', stated = '#22d3ee', lost = '#ef4444', dark = '#0f172a';
  const tell = (shape, number) => {
    shape.bindTooltip(`Photo ${number + 1}: ${fixes[number].state}`, {sticky: true});
    shape.on('click', () => parent.postMessage({src: 'mean-map', rank: number + 1}, '*'));
  };

  const said = fixes.map(fix => fix.stated).filter(Boolean);
  if (said.length > 1) L.polyline(said, {color: stated, weight: 2, dashArray: '2 7', interactive: false}).addTo(map);
  fixes.forEach((fix, number) => {
    if (!fix.stated) return;
    const colour = fix.state === 'lost' ? lost : stated;
    tell(L.circleMarker(fix.stated, {radius: 4, color: dark, weight: 1, fillColor: colour, fillOpacity: 1}).addTo(map), number);
  });

  fixes.forEach((fix, number) => {
    const next = fixes[number + 1];
    if (!fix.at || !next?.at) return;
    const sure = fix.state === 'found' && next.state === 'found';
    L.polyline([fix.at, next.at], {color: dark, weight: 7, opacity: 0.55, interactive: false}).addTo(map);
    L.polyline([fix.at, next.at], {color: track, weight: 4, dashArray: sure ? null : '3 8', interactive: false}).addTo(map);
  });
  fixes.forEach((fix, number) => {
    if (!fix.at) return;
    const fill = fix.state === 'found' ? track : '#ffffff';
    tell(L.circleMarker(fix.at, {radius: 5, color: dark, weight: 1.5, fillColor: fill, fillOpacity: 1}).addTo(map), number);
    // Where a lost stretch begins or ends, a red ring says so.
    if ((number > 0 && !fixes[number - 1].at) || (number + 1 < fixes.length && !fixes[number + 1].at))
      L.circleMarker(fix.at, {radius: 9, color: lost, weight: 3, fill: false, interactive: false}).addTo(map);
  });

  const reach = L.circle([0, 0], {radius: 1, color: track, weight: 2, fillOpacity: 0.12, interactive: false});
  const marker = L.marker([0, 0], {
    icon: L.divIcon({className: 'flight-now', html: '<div class="rank best">1</div>', iconSize: [28, 28], iconAnchor: [14, 14]}),
    interactive: false, keyboard: false, zIndexOffset: 9000, alt: 'The photo that is shown',
  });
  const show = number => {
    const fix = fixes[number - 1], place = fix.at || fix.stated;
    if (fix.at) reach.setLatLng(fix.at).setRadius(fix.radius).addTo(map); else reach.remove();
    if (!place) return marker.remove();
    marker.setLatLng(place).addTo(map);
    const sign = marker.getElement().firstChild;
    sign.textContent = number;
    sign.classList.toggle('best', !!fix.at);
    if (!map.getBounds().pad(-0.05).contains(place)) map.panTo(place, {animate: false});
  };
  bridge(map, all, {});
  addEventListener('message', event => {
    if (event.source !== parent || event.data?.src !== 'mean-page') return;
    if (Number.isInteger(event.data.photo) && fixes[event.data.photo - 1]) show(event.data.photo);
  });
  if (fixes.length) show(1);
}
