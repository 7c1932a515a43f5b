#!/usr/bin/env bash
# A screenshot of 19,201 rows, put into a PDF by img2pdf: PDFium draws it a tenth as large, and stamps grow tenfold
#
# Guess: one row of pixels more makes the page three quarters of a point longer. At a resolution of 50 dpi it gets one
#        more row in each library, and a stamp of 50 points is 50 points large on both.
# Seen:  img2pdf 0.6.3, pypdfium2 5.15.2, pdfplumber 0.11.10, PyMuPDF 2.0.0, pypdf 7.1.1, pikepdf 10.18.0, 2026-12-01.
#        Above 14,400 points (a web page of 19,200 rows at 96 dpi) img2pdf divides the page by ten and says UserUnit 10,
#        as PDF 1.6 has it. PDFium knows no UserUnit: 67 columns instead of 667, and 400 at "300 dpi", where neither
#        eye nor OCR can read a letter. pdfplumber's sizes are a tenth, too. PyMuPDF states and draws the full size, but
#        insert_text() counts in tens of points: what it writes at 100 from the left is off the page, which is 960
#        wide. Stamps of pypdf and pikepdf are ten times as large. No warning; pypdf alone offers page.user_unit.
# So:    the longest pages of an archive of screenshots can't be read after a step that draws them, and the short ones
#        of every test can. Cutting pictures into pages of less than 14,400 points avoids it.
# Source: PDF 32000-1, 7.7.3.3 (UserUnit) and annex C (14,400 units); img2pdf (limit for a page in points)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "img2pdf==0.6.3" "pypdfium2==5.15.2" "pdfplumber==0.11.10" \
  "pymupdf==2.0" "pypdf==7.1.1" "pikepdf==10.18.0" "pillow==13.0.0"

cat > "$tmp/expected" <<'END'
19200 rows
  PyMuPDF      960 x 14400 points, 667 pixels wide at 50 dpi
  pypdfium2    960 x 14400 points, 667 pixels wide at 50 dpi
  pdfplumber   960 x 14400 points, 667 pixels wide at 50 dpi
  text at 100 points from the left: read
  a stamp of 50 points: pypdf 50, pikepdf 50
19201 rows
  PyMuPDF      960 x 14401 points, 667 pixels wide at 50 dpi
  pypdfium2    96 x 1440 points, 67 pixels wide at 50 dpi
  pdfplumber   96 x 1440 points, 67 pixels wide at 50 dpi
  text at 100 points from the left: none on the page
  a stamp of 50 points: pypdf 500, pikepdf 500
END

cat > "$tmp/probe.py" <<'END'
import img2pdf
import pdfplumber
import pikepdf
import pymupdf
import pypdf
import pypdfium2
from PIL import Image


def show(who, size, wide):
    print(f'  {who:12} {round(size[0])} x {round(size[1])} points, {wide} pixels wide at 50 dpi')


def red():
    """How many points the red in the lower left corner is wide, on the page as MuPDF draws it."""
    with pymupdf.open('out.pdf') as document:
        drawn = document[0].get_pixmap(dpi=36)
    return 2 * sum(drawn.pixel(x, drawn.height - 2) == (255, 0, 0) for x in range(drawn.width))


with pikepdf.new() as stamp:
    stamp.add_blank_page(page_size=(50, 50))
    stamp.pages[0].obj.Contents = stamp.make_stream(b'1 0 0 rg 0 0 50 50 re f')
    stamp.save('stamp.pdf')
for rows in (19200, 19201):
    Image.new('RGB', (1280, rows), 'white').save('page.png')
    with open('page.pdf', 'wb') as out:
        out.write(img2pdf.convert('page.png'))
    print(rows, 'rows')
    with pymupdf.open('page.pdf') as document:
        show('PyMuPDF', document[0].rect[2:], document[0].get_pixmap(dpi=50).width)
    with pypdfium2.PdfDocument('page.pdf') as document:
        show('pypdfium2', document[0].get_size(), document[0].render(scale=50 / 72).to_pil().width)
    with pdfplumber.open('page.pdf') as document:
        page = document.pages[0]
        show('pdfplumber', (page.width, page.height), page.to_image(resolution=50).original.width)
    found = {}
    writer = pypdf.PdfWriter('page.pdf')
    writer.pages[0].merge_page(pypdf.PdfReader('stamp.pdf').pages[0])
    writer.write('out.pdf')
    found['pypdf'] = red()
    with pikepdf.open('page.pdf') as document, pikepdf.open('stamp.pdf') as stamp:
        document.pages[0].add_overlay(stamp.pages[0], pikepdf.Rectangle(0, 0, 50, 50))
        document.save('out.pdf')
    found['pikepdf'] = red()
    with pymupdf.open('page.pdf') as document:
        document[0].insert_text((100, 7000), 'read')
        words = [word[4] for word in document[0].get_text('words')]
    print('  text at 100 points from the left:', *words or ['none on the page'])
    print('  a stamp of 50 points: ' + ', '.join(f'{who} {wide}' for who, wide in found.items()))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
