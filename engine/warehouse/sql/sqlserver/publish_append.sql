{%- if landed %}
    DELETE FROM {{ published }} WHERE [_source_file] IN (SELECT [_source_file] FROM {{ staging }});
    SET @removed = ROWCOUNT_BIG();
{%- endif %}
    INSERT INTO {{ published }} ({{ columns | names }})
    SELECT {{ columns | names }} FROM {{ staging }};
    SET @inserted = ROWCOUNT_BIG();
