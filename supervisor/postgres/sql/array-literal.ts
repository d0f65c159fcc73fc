// A JSON array as the literal of a PostgreSQL array: arrays inside it are further dimensions, unless its elements are
// JSON documents themselves. What is no array stays as it is: PostgreSQL's own literal, or a value that it refuses.

export const arrayLiteral = `
create function flowkeep.array_literal(value jsonb, of_documents boolean) returns text
language plpgsql immutable as $function$
declare
  literal text := '';
  element jsonb;
begin
  if coalesce(jsonb_typeof(value), 'null') <> 'array' then
    return value #>> '{}';
  end if;
  for element in select * from jsonb_array_elements(value) loop
    literal := literal || ',' || case
      when jsonb_typeof(element) = 'null' then 'NULL'
      when jsonb_typeof(element) = 'array' and not of_documents then flowkeep.array_literal(element, false)
      -- A text document keeps the quotes of JSON.
      when of_documents then '"' || replace(replace(element::text, '\\', '\\\\'), '"', '\\"') || '"'
      else '"' || replace(replace(element #>> '{}', '\\', '\\\\'), '"', '\\"') || '"'
    end;
  end loop;
  return '{' || substr(literal, 2) || '}';
end
$function$`
