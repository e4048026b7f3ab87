// A button on the map with which the area to search is drawn: press where the photo may be, and pull outwards.
function drawArea(map) {
  const LEAST_M = 50, colour = '#a78bfa';
  let drawing = false, start = null, circle = null, button = null;
  const set = on => {
    drawing = on;
    start = null;
    button.setAttribute('aria-pressed', String(on));
    button.classList.toggle('on', on);
    map.getContainer().style.cursor = on ? 'crosshair' : '';
    map.getContainer().style.touchAction = on ? 'none' : '';
    map.dragging[on ? 'disable' : 'enable']();
  };
  const Draw = L.Control.extend({
    options: {position: 'topleft'},
    onAdd() {
      const bar = L.DomUtil.create('div', 'leaflet-bar');
      button = L.DomUtil.create('a', 'draw', bar);
      button.href = '#';
      button.title = 'Draw the area to search: press where the photo may be, pull outwards';
      button.setAttribute('role', 'button');
      button.setAttribute('aria-label', button.title);
      button.innerHTML = '<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.8">'
        + '<circle cx="8" cy="8" r="6.4" stroke-dasharray="3 2"/><path d="M8 5v6M5 8h6"/></svg>';
      L.DomEvent.disableClickPropagation(bar);
      L.DomEvent.on(button, 'click', event => { L.DomEvent.preventDefault(event); set(!drawing); });
      return bar;
    },
  });
  map.addControl(new Draw());
  const box = map.getContainer();
  box.addEventListener('pointerdown', event => {
    if (!drawing || event.button || event.target.closest('.leaflet-control')) return;
    event.stopPropagation();
    start = map.mouseEventToLatLng(event);
    circle?.remove();
    circle = L.circle(start, {radius: LEAST_M, color: colour, weight: 3, dashArray: '2 8', fillOpacity: 0.1, interactive: false}).addTo(map);
    box.setPointerCapture(event.pointerId);
  }, true);
  box.addEventListener('pointermove', event => {
    if (start) circle.setRadius(Math.max(LEAST_M, map.distance(start, map.mouseEventToLatLng(event))));
  });
  box.addEventListener('pointerup', () => {
    if (!start) return;
    const {lat, lng} = start.wrap(), radius = circle.getRadius();
    set(false);
    parent.postMessage({src: 'mean-map', area: [lng, lat, radius]}, '*');
  });
  box.addEventListener('keydown', event => { if (event.key === 'Escape' && drawing) { circle?.remove(); set(false); } });
}
