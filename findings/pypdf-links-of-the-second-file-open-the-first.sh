#!/usr/bin/env bash
# Two reports put together by pypdf: each link of the second one leads into the first; PyMuPDF takes all links out
#
# Guess: whoever joins two PDFs with tables of contents gets both with links that work within each, whatever library;
#        or with links that do nothing, and a warning.
# Seen:  pypdf 7.1.1, PyMuPDF 2.0.0, pikepdf 10.18.0, 2026-11-30. The links go by name ("chapter.1"), as WeasyPrint's,
#        LaTeX's and Chromium's do, and two reports of one program have the same names. pypdf's append() keeps the first
#        target of each name and all links: page 3 leads to page 2, which looks right. Its own bookmarks are right, so a
#        look at the outline doesn't show it. PyMuPDF's insert_pdf() drops each link by name, also of the first file and
#        where no name comes twice. Neither says a word. pikepdf's add_pages_from() renames the targets and is right.
# So:    in twelve monthly reports in one file each table of contents opens January.
# Source: pypdf/_writer.py (_merge__process_named_dests: a name that is known is skipped), PDF 32000-1, 12.3.2.3
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pypdf==7.1.1" "pymupdf==2.0" "pikepdf==10.18.0"

cat > "$tmp/expected" <<'END'
alone                   page 1 -> 2
pypdf, append           page 1 -> 2, page 3 -> 2; bookmarks 2, 4
PyMuPDF, insert_pdf     no links; bookmarks none
pikepdf, add_pages_from page 1 -> 2, page 3 -> 4; bookmarks 2, 4
PyMuPDF, one file       no links; bookmarks none
END

cat > "$tmp/probe.py" <<'END'
import pikepdf
import pymupdf
import pypdf
from pikepdf import Array, Dictionary, Name, OutlineItem, String


def report(name):
    """A table of contents with a link, and a chapter on the next page."""
    pdf = pikepdf.new()
    pdf.add_blank_page()
    pdf.add_blank_page()
    link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=[50, 50, 200, 80], Border=[0, 0, 0],
                      A=Dictionary(S=Name.GoTo, D=String('chapter.1')))
    pdf.pages[0].obj.Annots = Array([pdf.make_indirect(link)])
    target = Array([pdf.pages[1].obj, Name.XYZ, 0, 700, 0])
    pdf.Root.Names = Dictionary(Dests=Dictionary(Names=Array([String('chapter.1'), target])))
    with pdf.open_outline() as outline:
        outline.root.append(OutlineItem(name, 1))
    pdf.save(f'{name}.pdf')


def show(what, name, bookmarks=True):
    """Where the links of the file lead, for MuPDF and for pypdf, which agree."""
    with pymupdf.open(name) as document:
        links = [f'page {page.number + 1} -> {link["page"] + 1}' for page in document for link in page.get_links()]
        marks = [str(page) for _, _, page in document.get_toc()]
    reader = pypdf.PdfReader(name)
    numbers = {page.indirect_reference.idnum: number for number, page in enumerate(reader.pages, 1)}
    own = []
    for number, page in enumerate(reader.pages, 1):
        for link in page.get('/Annots', []):
            destination = reader.named_destinations[link.get_object()['/A']['/D']]
            own.append(f'page {number} -> {numbers[destination.page.idnum]}')
    assert own == links, (own, links)
    rest = f'; bookmarks {", ".join(marks) or "none"}' if bookmarks else ''
    print(f'{what:23} {", ".join(links) or "no links"}{rest}')


FILES = ('january.pdf', 'february.pdf')
report('january')
report('february')
show('alone', FILES[0], bookmarks=False)
writer = pypdf.PdfWriter()
for name in FILES:
    writer.append(name)
writer.write('a.pdf')
show('pypdf, append', 'a.pdf')
both = pymupdf.open()
for name in FILES:
    both.insert_pdf(pymupdf.open(name))
both.save('b.pdf')
show('PyMuPDF, insert_pdf', 'b.pdf')
both = pikepdf.new()
for name in FILES:
    both.add_pages_from(pikepdf.open(name))
both.save('c.pdf')
show('pikepdf, add_pages_from', 'c.pdf')
one = pymupdf.open()
one.insert_pdf(pymupdf.open(FILES[0]))
one.save('d.pdf')
show('PyMuPDF, one file', 'd.pdf')
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
