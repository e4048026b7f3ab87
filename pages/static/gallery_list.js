// The list of galleries: a click or Enter on a row chooses its gallery (event 'turn').
const choose = target => {
  const row = target.closest('tr[data-key]');
  if (row && !row.matches('.chosen')) trigger('turn', {key: row.dataset.key});
};
element.addEventListener('click', event => choose(event.target));
element.addEventListener('keydown', event => {
  if (event.key === 'Enter') choose(event.target);
});
