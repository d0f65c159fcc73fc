// How a JSON value is written for a parameter of this type: see `typed-template.ts`. A domain is what it is made of.

export const parameterKind = `
create function flowkeep.parameter_kind(parameter oid) returns "char"
language plpgsql stable as $function$
declare
  found pg_catalog.pg_type;
begin
  loop
    select * into found from pg_catalog.pg_type where oid = parameter;
    exit when found.typtype <> 'd';
    parameter := found.typbasetype;
  end loop;
  -- Every true array, and none of the vectors and points that have elements, too.
  if found.typcategory <> 'A' or found.typlen <> -1 or found.typelem = 0 then
    return 's';
  end if;
  return case when found.typelem in ('json'::regtype, 'jsonb'::regtype) then 'j' else 'a' end;
end
$function$`
