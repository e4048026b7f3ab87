// The table of queries: clicks and keys become events; pictures come after the rows, so that turning a page is quick.
const row_of = target => target.closest('tr[data-query]');
const choose = row => {
  element.querySelectorAll('tr.chosen').forEach(old => { old.classList.remove('chosen'); old.removeAttribute('aria-selected'); });
  row.classList.add('chosen');
  row.setAttribute('aria-selected', 'true');
  trigger('pick', {query: row.dataset.query});
  // On a narrow screen the query stands below the table: bring it into sight.
  if (innerWidth <= 900) document.querySelector('#one').scrollIntoView();
};
element.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (button?.dataset.sort) trigger('order', {key: button.dataset.sort});
  else if (button?.dataset.page) trigger('turn', {page: +button.dataset.page});
  else if (row_of(event.target)) choose(row_of(event.target));
});
element.addEventListener('keydown', event => {
  if (event.key === 'Enter' && event.target.matches('tr[data-query]')) choose(event.target);
});

const pictures = new Map();
async function fill() {
  const rows = [...element.querySelectorAll('tr[data-query]')];
  const lacking = rows.map(row => row.dataset.query).filter(id => !pictures.has(id));
  if (lacking.length) {
    const come = await server.thumbnails(lacking);
    if (pictures.size > 2000) pictures.clear();
    lacking.forEach(id => pictures.set(id, come?.[id] || ''));
  }
  for (const row of element.querySelectorAll('tr[data-query]')) {
    const cell = row.querySelector('.thumb'), uri = pictures.get(row.dataset.query);
    if (!uri || cell.querySelector('img')) continue;
    const image = new Image();
    image.alt = ''; image.src = uri;
    cell.replaceChildren(image);
  }
}
watch('value', fill);
fill();

// Left and right step through the queries, wherever the page is, except where a key has another use.
document.addEventListener('keydown', event => {
  const busy = event.target.closest?.('input, textarea, select, [role=tab], [role=slider], [role=listbox], canvas');
  if (busy || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === 'ArrowLeft') trigger('walk', {by: -1});
  else if (event.key === 'ArrowRight') trigger('walk', {by: 1});
  else return;
  event.preventDefault();
});
