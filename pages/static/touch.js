/* The keyboard on a phone's screen: dialogs fit into what it leaves, and the tabs make room for what is typed into. */
(() => {
  'use strict';
  const view = window.visualViewport, root = document.documentElement;
  if (!view) return;
  const KEYBOARD_PX = 150, TYPED = 'input:not([type=checkbox], [type=radio], [type=range]), textarea';
  let whole = view.height, width = view.width;
  function fit() {
    // Turned, or its bars came or went: the height without a keyboard is another one.
    if (view.width !== width || view.height > whole) { whole = view.height; width = view.width; }
    const isTyping = matchMedia('(max-width: 767px)').matches && whole - view.height > KEYBOARD_PX && !!document.activeElement?.matches(TYPED);
    root.toggleAttribute('data-typing', isTyping);
    if (isTyping) root.style.setProperty('--seen', `${view.height}px`);
    else root.style.removeProperty('--seen');
    if (isTyping) document.activeElement.scrollIntoView({ block: 'nearest' });
  }
  view.addEventListener('resize', fit);
  document.addEventListener('focusin', fit);
  document.addEventListener('focusout', () => setTimeout(fit));
})();
