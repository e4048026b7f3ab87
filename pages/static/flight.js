// Plays through the photos of a flight: the slider and the button choose one, the map's marker goes along.
const EVERY_MS = 700;
let timer = 0;
const player = () => element.querySelector('.player');
const slider = () => element.querySelector('.player input');
const map = () => document.querySelector('#flight-map iframe');

const show = number => {
  const box = player();
  if (!box || !Number.isInteger(number) || number < 1 || number > +slider().max) return;
  for (const shot of box.querySelectorAll('.shot')) shot.hidden = +shot.dataset.number !== number;
  slider().value = number;
  box.querySelector('output').textContent = `${number} / ${slider().max}`;
  document.querySelectorAll('#flight-chart [data-number]').forEach(
    dot => dot.classList.toggle('now', +dot.dataset.number === number));
  map()?.contentWindow?.postMessage({src: 'mean-page', photo: number}, '*');
};
const stop = () => {
  clearInterval(timer);
  timer = 0;
  const button = element.querySelector('.play');
  if (button) { button.textContent = '▶ Play'; button.setAttribute('aria-pressed', 'false'); }
};
const play = () => {
  if (+slider().value >= +slider().max) show(1);
  const button = element.querySelector('.play');
  button.textContent = '❚❚ Pause';
  button.setAttribute('aria-pressed', 'true');
  timer = setInterval(() => {
    if (!player() || +slider().value >= +slider().max) return stop();
    show(+slider().value + 1);
  }, EVERY_MS);
};
element.addEventListener('click', event => {
  if (event.target.closest('.play')) timer ? stop() : play();
});
element.addEventListener('input', event => {
  if (!event.target.matches('.player input')) return;
  stop();
  show(+event.target.value);
});
window.addEventListener('message', event => {
  if (!map() || event.source !== map().contentWindow || event.data?.src !== 'mean-map') return;
  if (Number.isInteger(event.data.rank)) { stop(); show(event.data.rank); }
});
document.addEventListener('click', event => {
  const dot = event.target.closest?.('#flight-chart [data-number]');
  if (dot) { stop(); show(+dot.dataset.number); }
});
watch('value', stop);
