"""Add up a spreadsheet, show the report, and mail it once someone has said yes."""

import csv
import html
import smtplib
from collections import Counter
from email.message import EmailMessage
from pathlib import Path

from pydantic import Field, SecretStr

from synapse import Pipeline, Run, StepFailed, step


class SalesReport(Pipeline):
    """Add up a spreadsheet by a column, and mail the report after you have read it.

    Save the spreadsheet as CSV. The report is an output of the run; the question beside it waits for two days.
    """

    title = 'Report from a spreadsheet'
    accepts = ('.csv',)

    table: Path = Field(description='A spreadsheet as CSV, with names in its first row.')
    group_by: str = Field(default='Product', description='Column whose values get a row each.')
    add_up: str = Field(default='Amount', description='Column with the numbers.')
    to: str = Field(description='Who gets it, such as team@example.org.')
    sender: str = Field(description='Your address.')
    server: str = Field(default='localhost:25', description='Your mail server and its port, such as mail.example:587.')
    password: SecretStr = Field(default=SecretStr(''), description='Of your mailbox; empty if none is asked for.')

    _total: float = 0

    @step
    def add(self, run: Run) -> None:
        sums: Counter[str] = Counter()
        with self.table.open(newline='', encoding='utf-8-sig') as file:
            dialect = csv.Sniffer().sniff(file.readline(), ',;\t')
            file.seek(0)
            for row in csv.DictReader(file, dialect=dialect):
                try:
                    sums[row[self.group_by]] += number_in(row[self.add_up])
                except (KeyError, ValueError) as error:
                    raise StepFailed(f'A row cannot be read: {error}', f'The row is {row}.') from None
        self._total = sum(sums.values())
        rows = ''.join(f'<tr><td>{html.escape(name)}<td>{value:,.2f}' for name, value in sums.most_common())
        (run.workdir / 'report.html').write_text(
            f'<h1>{html.escape(self.table.stem)}</h1><table>{rows}<tr><th>Total<th>{self._total:,.2f}</table>'
        )
        run.artifact('report.html')

    @step
    def approve(self, run: Run) -> None:
        question = f'Send the report to {self.to}? Its total is {self._total:,.2f}.'
        if run.ask(question, ['Send', 'Not now'], timeout='2d', default='Not now') != 'Send':
            raise StepFailed('The report was not sent.', 'Retry from APPROVE asks again.')

    @step(retries=3, backoff='30s')
    def send(self, run: Run) -> None:
        mail = EmailMessage()
        mail['Subject'], mail['To'], mail['From'] = f'Report: {self.table.stem}', self.to, self.sender
        mail.set_content(f'The total is {self._total:,.2f}. The report is attached.')
        mail.add_attachment((run.workdir / 'report.html').read_text(), subtype='html', filename='report.html')
        host, _, port = self.server.partition(':')
        with smtplib.SMTP(host, int(port or 25), timeout=30) as server:
            if secret := self.password.get_secret_value():
                server.starttls()
                server.login(self.sender, secret)
            server.send_message(mail)
        run.log.success(f'Sent to {self.to}')


def number_in(text: str) -> float:
    """Read 1,234.50 and 1.234,50: the last of the two signs is the decimal one."""
    whole, sign, rest = text.strip().rpartition(',' if text.rfind(',') > text.rfind('.') else '.')
    return float(f'{whole.replace(",", "").replace(".", "")}{sign and "."}{rest}')
