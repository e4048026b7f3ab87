// Groups of radio buttons bear their label: Gradio draws it beside them, where screen readers do not look.
(() => {
  const name = () => document.querySelectorAll('fieldset:not([aria-label])').forEach(group => {
    const text = group.querySelector('[data-testid="block-info"]')?.textContent.trim();
    if (!text || !group.querySelector('input[type=radio]')) return;
    group.setAttribute('role', 'radiogroup');
    group.setAttribute('aria-label', text);
  });
  new MutationObserver(name).observe(document.documentElement, {childList: true, subtree: true});
  name();
})();
