// Rows and chips that stand for a part of the set: a click hands on what they carry in data- attributes (event 'part').
const tell = target => {
  const part = target.closest('tr[data-by], tr[data-true], button[data-flag], button[data-ground], button[data-change]');
  if (part) trigger('part', {...part.dataset});
};
element.addEventListener('click', event => tell(event.target));
element.addEventListener('keydown', event => {
  if (event.key === 'Enter' && event.target.matches('tr')) tell(event.target);
});
