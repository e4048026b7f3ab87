// The card of a gallery's health: tells the map which tiles to mark, and goes through those of one kind at each click.
// The card holds the tiles' rows as JSON in data-marks.
const map = () => document.querySelector('#gallery-map iframe')?.contentWindow;
const tell = message => map()?.postMessage({src: 'mean-page', ...message}, '*');
const mark = () => {
  const card = element.querySelector('[data-marks]');
  if (card) tell({health: JSON.parse(card.dataset.marks)});
};
watch('value', mark);
window.addEventListener('message', event => {
  if (event.source === map() && event.data?.src === 'mean-map' && event.data.ready) mark();
});
element.addEventListener('click', event => {
  const button = event.target.closest('button[data-kind]');
  if (!button) return;
  tell({visit: button.dataset.kind});
  // On a narrow screen the map stands below: bring it into sight.
  if (innerWidth <= 820) document.querySelector('#gallery-map').scrollIntoView();
});
