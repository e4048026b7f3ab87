// Embeddings in the plane on a canvas. props.value: {x, y, id, star, group, label} with one entry per point, x and y in
// 0..1, id '' for what cannot be chosen; links [query, its tile]; names of the groups; outcome: right and wrong; note.
// Dragging draws a lasso (event 'lasso' with the ids inside), clicking chooses the nearest point (event 'pick').
const canvas = element.querySelector('canvas'), told = element.querySelector('.told'), keys = element.querySelector('.keys');
const pen = canvas.getContext('2d');
const edge = 16;
let lasso = [], chosen = new Set(), dragging = false;

const css = name => getComputedStyle(element).getPropertyValue(name).trim();
const colour = group => {
  if (group < 0) return css('--blank');
  if (props.value.outcome) return css(group ? '--wrong' : '--right');
  const lighter = document.querySelector('.dark') ? 22 : 0;
  return `hsl(${(group * 137.5) % 360} 68% ${[42, 55, 35][group % 3] + lighter}%)`;
};
const data = () => (props.value && props.value.x ? props.value : null);
const place = n => [
  edge + data().x[n] * (canvas.clientWidth - 2 * edge),
  edge + (1 - data().y[n]) * (canvas.clientHeight - 2 * edge),
];

function sign(n, x, y) {
  if (!data().star[n]) {
    pen.beginPath(); pen.moveTo(x - 3.5, y - 3.5); pen.lineTo(x + 3.5, y + 3.5);
    pen.moveTo(x - 3.5, y + 3.5); pen.lineTo(x + 3.5, y - 3.5); pen.stroke();
    return;
  }
  pen.beginPath();
  for (let k = 0; k < 10; k++) {
    const r = k % 2 ? 2.4 : 6, turn = Math.PI * (k / 5 - 0.5);
    pen.lineTo(x + r * Math.cos(turn), y + r * Math.sin(turn));
  }
  pen.closePath(); pen.fill();
}

function draw() {
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width) return;
  canvas.width = width * ratio; canvas.height = height * ratio;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  if (!data()) return;
  const {x, id, group, star} = data();
  pen.lineWidth = 0.7; pen.strokeStyle = css('--blank'); pen.globalAlpha = 0.35;
  pen.beginPath();
  for (const [query, tile] of data().links) {
    if (chosen.size && !chosen.has(id[query])) continue;
    pen.moveTo(...place(query)); pen.lineTo(...place(tile));
  }
  pen.stroke();
  pen.lineWidth = 1.6;
  for (const stars of [true, false]) {
    for (let n = 0; n < x.length; n++) {
      if (!!star[n] !== stars) continue;
      pen.globalAlpha = chosen.size && !chosen.has(id[n]) ? 0.15 : stars ? 0.55 : 0.9;
      pen.strokeStyle = pen.fillStyle = colour(group[n]);
      sign(n, ...place(n));
    }
  }
  pen.globalAlpha = 1;
  if (lasso.length > 1) {
    pen.beginPath(); lasso.forEach(point => pen.lineTo(...point)); pen.closePath();
    pen.strokeStyle = css('--body-text-color'); pen.setLineDash([5, 4]); pen.stroke(); pen.setLineDash([]);
    pen.globalAlpha = 0.08; pen.fillStyle = css('--body-text-color'); pen.fill(); pen.globalAlpha = 1;
  }
}

function legend() {
  keys.textContent = '';
  if (!data()) return;
  const {names, note, group} = data();
  const used = new Set(group);
  names.forEach((name, n) => {
    if (!used.has(n) || n > 24) return;
    const key = document.createElement('span'), dot = document.createElement('i');
    dot.style.background = colour(n); key.append(dot, name); keys.append(key);
  });
  const signs = document.createElement('span');
  signs.textContent = note; keys.append(signs);
}

const at = event => {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};
const nearest = ([px, py]) => {
  let best = -1, least = 12 * 12;
  if (data()) for (let n = 0; n < data().x.length; n++) {
    const [x, y] = place(n), away = (x - px) ** 2 + (y - py) ** 2;
    if (away < least) { least = away; best = n; }
  }
  return best;
};
const inside = ([px, py]) => {
  let within = false;
  for (let i = 0, j = lasso.length - 1; i < lasso.length; j = i++) {
    const [xi, yi] = lasso[i], [xj, yj] = lasso[j];
    if (yi > py !== yj > py && px < (xj - xi) * (py - yi) / (yj - yi) + xi) within = !within;
  }
  return within;
};

canvas.addEventListener('pointerdown', event => {
  canvas.setPointerCapture(event.pointerId);
  dragging = true; lasso = [at(event)];
});
canvas.addEventListener('pointermove', event => {
  if (dragging) { lasso.push(at(event)); draw(); return; }
  const n = nearest(at(event));
  told.textContent = n < 0 ? '' : data().label[n];
  canvas.style.cursor = n < 0 ? 'crosshair' : 'pointer';
});
canvas.addEventListener('pointerup', event => {
  if (!dragging || !data()) return;
  dragging = false;
  const wide = Math.max(...[0, 1].map(k => Math.max(...lasso.map(p => p[k])) - Math.min(...lasso.map(p => p[k]))));
  if (wide < 6) {
    const n = nearest(at(event));
    lasso = []; draw();
    if (n >= 0 && data().id[n]) trigger('pick', {query: data().id[n]});
    return;
  }
  chosen = new Set(data().id.filter((id, n) => id && inside(place(n))));
  draw();
  if (chosen.size) trigger('lasso', {ids: [...chosen]});
  else { lasso = []; draw(); }
});
const clear = () => { lasso = []; chosen = new Set(); draw(); };
canvas.addEventListener('clear', clear);  // the page tells that the filter has been taken away
watch('value', () => { clear(); legend(); });
new ResizeObserver(draw).observe(canvas);
new MutationObserver(draw).observe(document.body, {attributes: true, attributeFilter: ['class']});
legend(); draw();
