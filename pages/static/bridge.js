// Joins the map to the page around its frame, by messages only: the frame has no origin.
// all: [[south, west], [north, east]], what "show everything" shows.
// spots: number -> [marker, footprint]. first: what is shown before anybody moves the map.
// Returns what to call when the map is moved by other means: another size of the frame then leaves the view as it is.
function bridge(map, all, spots, first = all) {
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const fit = (box, animate) => {
    const edge = map.getSize().x < 500 ? 30 : 46;
    map.fitBounds(box, {padding: [edge, edge], maxZoom: 18, animate});
  };

  const choose = (number, fly) => {
    for (const [n, [marker, shape]] of Object.entries(spots)) {
      const on = +n === number;
      marker.getElement()?.classList.toggle('chosen', on);
      marker.setZIndexOffset(on ? 5000 : 1000 - n);
      shape.setStyle({weight: on ? 5 : 2.5});
      if (on) shape.bringToFront();
    }
    const [marker, shape] = spots[number];
    if (!fly) return marker.openPopup();
    map.closePopup();
    map.once('moveend', () => marker.openPopup());
    map.flyToBounds(shape.getBounds(), {padding: [70, 70], maxZoom: 19, animate: !calm, duration: 0.9});
  };

  for (const [n, [marker, shape]] of Object.entries(spots)) {
    const tell = () => {
      choose(+n, false);
      parent.postMessage({src: 'mean-map', rank: +n}, '*');
    };
    marker.setZIndexOffset(1000 - n);
    marker.on('click', tell);
    shape.on('click', event => { L.DomEvent.stop(event); tell(); });
  }

  const ShowAll = L.Control.extend({
    options: {position: 'topleft'},
    onAdd() {
      const bar = L.DomUtil.create('div', 'leaflet-bar');
      const button = L.DomUtil.create('a', 'all', bar);
      button.href = '#';
      button.title = 'Show everything';
      button.setAttribute('role', 'button');
      button.setAttribute('aria-label', button.title);
      button.innerHTML = '<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="2">'
        + '<path d="M1 6V1h5M10 1h5v5M15 10v5h-5M6 15H1v-5"/></svg>';
      L.DomEvent.disableClickPropagation(bar);
      L.DomEvent.on(button, 'click', event => { L.DomEvent.preventDefault(event); map.closePopup(); fit(all, !calm); });
      return bar;
    },
  });
  map.addControl(new ShowAll());
  map.attributionControl.setPrefix('Leaflet');  // text: a link would lead out of the page, inside the frame
  // The frame may get its size after this script ran: frame everything again until the visitor moves the map.
  let moved = false;
  map.getContainer().addEventListener('pointerdown', () => { moved = true; });
  map.getContainer().addEventListener('wheel', () => { moved = true; }, {passive: true});
  new ResizeObserver(() => { map.invalidateSize({pan: false}); if (!moved) fit(first, false); }).observe(map.getContainer());
  fit(first, false);

  // One stop for the Tab key: the map itself, which has keys for all that its buttons and markers do.
  const box = map.getContainer(), numbers = Object.keys(spots).map(Number).sort((a, b) => a - b);
  box.setAttribute('role', 'application');
  box.setAttribute('aria-label', 'Map: arrow keys move it, plus and minus zoom, A shows everything'
    + (numbers.length ? ', N and P go through the numbered places' : ''));
  const oneStop = () => box.querySelectorAll('.leaflet-control a, .leaflet-control input, .leaflet-marker-icon, path')
    .forEach(each => { each.tabIndex = -1; });
  map.on('layeradd', oneStop);
  oneStop();
  let at = -1;
  box.addEventListener('keydown', event => {
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === 'a') { map.closePopup(); moved = true; return fit(all, !calm); }
    if (!numbers.length || (key !== 'n' && key !== 'p')) return;
    at = (at + (key === 'n' ? 1 : numbers.length - 1) + (at < 0 && key === 'p' ? 1 : 0)) % numbers.length;
    moved = true;
    choose(numbers[at], true);
    parent.postMessage({src: 'mean-map', rank: numbers[at]}, '*');
  });

  addEventListener('message', event => {
    if (event.source !== parent || event.data?.src !== 'mean-page') return;
    const {theme, rank} = event.data;
    if (theme) {
      document.documentElement.classList.toggle('dark', theme === 'dark');
      document.documentElement.classList.toggle('light', theme !== 'dark');
    }
    if (Object.hasOwn(spots, rank)) { moved = true; choose(rank, true); }
  });
  if (parent !== window) parent.postMessage({src: 'mean-map', ready: true}, '*');
  return () => { moved = true; };
}
