from synapse import Pipeline, Run, step


class Report(Pipeline):
    """Writes a short report."""

    topic: str

    @step
    def count(self, run: Run) -> None:
        run.log.info('Rows were read', rows=3, table='orders')
        run.log.warning('A row had no price', row=2)

    @step
    def write(self, run: Run) -> None:
        path = run.workdir / 'report.txt'
        path.write_text(f'{self.topic}: 3 rows\n')
        run.artifact(path)
