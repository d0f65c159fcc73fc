// The types that PostgreSQL gives the parameters of a statement, found the way a driver finds them: by preparing it.
// PREPARE outlives its transaction, so nothing is left of it, also not by a call that was cut off in the middle.
// In goes a template for `format` whose `%1$s` stand for `$1…`; out comes one that casts each, itself for `format` (so
// a percent sign of the statement comes in as four). `kinds` has a letter for each parameter: `s` takes a scalar's
// text, `a` an array literal, `j` an array literal of JSON documents.

export const typedTemplate = `
create function flowkeep.typed_template(query text, template text, out typed text, out kinds text)
language plpgsql as $function$
declare
  parameters oid[];
  casts text[];
begin
  if exists (select from pg_catalog.pg_prepared_statements where name = 'flowkeep_types') then
    deallocate flowkeep_types;
  end if;
  execute 'prepare flowkeep_types as ' || query;
  select parameter_types::oid[] into parameters
    from pg_catalog.pg_prepared_statements where name = 'flowkeep_types';
  deallocate flowkeep_types;

  select
      array_agg(
        format('(%%%s$s::%s)', position, replace(format_type(parameter, -1), '%', '%%')) order by position
      ),
      string_agg(flowkeep.parameter_kind(parameter), '' order by position)
    into casts, kinds
    from unnest(parameters) with ordinality as listed (parameter, position);
  typed := format(template, variadic coalesce(casts, '{}'));
  kinds := coalesce(kinds, '');
end
$function$`
