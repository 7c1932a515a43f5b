"""Which texts of a page do not fit: cut off, over the edge of what they are in, or over what is beside them."""

MISFITS = r"""() => {
    const SLACK = 1.5;  // parts of a pixel, and what letters have around them
    const NAMES = 'a, button, h1, h2, h3, label, legend, summary, dt, th, [role=columnheader], [role=radio],' +
        '[role=tab], [role=menuitem], .sy-count, .sy-pill, .sy-tag, .sy-kbd, .sy-cap, .sy-cmdk, small';
    const FRAMES = 'button, a.sy-btn, .sy-pill, .sy-tag, .sy-kbd, .glass-card, .sy-dialog, .q-menu';
    const DATA = '.sy-mono, .mono, code, pre, select, textarea, .log-rows, .src, .sy-vh, .sy-skip, [data-long]';
    const NAMED = 'button, h1, h2, h3, label, legend, .sy-btn';  // never shortened; of others a pointer shows all
    const LINES = '.sy-count, .sy-kbd, .sy-pill, .sy-tag, .sy-cmdk, .runs-row .when, .sy-head h2, [role=columnheader]';
    const isShown = (one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const nameOf = (one) => `${one.tagName.toLowerCase()}.${[...one.classList].join('.')}`;
    const around = (one, matches) => {
        let up = one.parentElement;
        while (!matches(getComputedStyle(up))) up = up.parentElement;
        return up;
    };
    const found = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; node = texts.nextNode();) {
        const parent = node.parentElement, text = node.data.trim();
        if (!text || !parent.closest(NAMES) || parent.closest(DATA) || !isShown(parent)) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const box = range.getBoundingClientRect();
        if (box.width < 2) continue;
        const told = (what, by) => found.push([`${what} ${nameOf(by)}`, text.slice(0, 80)]);
        const block = around(node, (style) => style.display !== 'inline');
        const isShort =
            getComputedStyle(block).textOverflow === 'ellipsis' && block.scrollWidth > block.clientWidth + 1;
        const isTold = block.matches('.sy-ell') || block.title.includes(text);
        if (isShort && isTold && !block.closest(NAMED)) continue;
        if (isShort) told('shortened by', block);
        if (parent.closest(LINES) && new Set([...range.getClientRects()].map((line) => Math.round(line.top))).size > 1)
            told('on two lines in', parent.closest(LINES));
        // What it is in, up to what scrolls: a text may be scrolled to, but not leave the frame around it.
        for (let up = parent; up && up !== document.body; up = up.parentElement) {
            const style = getComputedStyle(up), frame = up.getBoundingClientRect();
            if (style.overflowX !== 'visible') {
                if (frame.width < 2 || box.top >= frame.bottom - 1) break;  // out of sight on purpose
                const cut = box.right > frame.right + SLACK || box.left < frame.left - SLACK;
                const mayScroll = ['auto', 'scroll'].includes(style.overflowX);
                if (cut && !mayScroll) told('cut by', up);
                break;
            }
            if (!up.matches(FRAMES) || style.display === 'inline') continue;
            if (box.right > frame.right + SLACK || box.left < frame.left - SLACK) told('sideways out of', up);
            else if (box.bottom > frame.bottom + SLACK || box.top < frame.top - SLACK) told('up or down out of', up);
        }
    }
    const endOf = (one) => {
        const range = document.createRange();
        range.selectNodeContents(one);
        return range.getBoundingClientRect().right;
    };
    for (const head of document.querySelectorAll('.hd > [role=columnheader]')) {
        const next = head.nextElementSibling?.getBoundingClientRect();
        if (next?.width && isShown(head) && endOf(head) > next.left - 3 && next.right > endOf(head))
            found.push([`close to what follows, ${nameOf(head)}`, head.textContent]);
    }
    // What can be pressed lies over nothing else that can be.
    const targets = [...document.querySelectorAll('button, a[href], select, .sy-pill')].filter((one) =>
        isShown(one) && !one.closest('.sy-vh, .sy-skip, [aria-hidden=true], .mo-grid, .wk-body, .q-dialog__backdrop'));
    for (const one of targets) {
        const next = one.nextElementSibling;
        if (!next || !targets.includes(next)) continue;
        const a = one.getBoundingClientRect(), b = next.getBoundingClientRect();
        const isOver = a.right > b.left + SLACK && b.right > a.left + SLACK &&
            a.bottom > b.top + SLACK && b.bottom > a.top + SLACK;
        const isPlaced = [one, next].some((each) => getComputedStyle(each).position === 'absolute');
        if (isOver && !isPlaced) found.push([`over ${nameOf(next)}`, (one.ariaLabel ?? one.textContent).trim()]);
    }
    return found;
}"""
