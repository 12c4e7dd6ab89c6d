from csv(getvariable('file'), getvariable('columns'), '')
