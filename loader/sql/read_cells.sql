-- Wide to long. Columns are told by position, c0 to cN: two attributes whose names differ in case only are two
-- attributes. UNPIVOT leaves out the empty cells.
unpivot (from csv(getvariable('file'), getvariable('columns'), ''))
on columns(* exclude (line))
into name column_name value cell
