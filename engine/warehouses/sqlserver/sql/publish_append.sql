{%- if brought.files %}
    DELETE FROM {{ published }} WHERE [_source_file] IN (SELECT [name] FROM @files);
    SET @removed = ROWCOUNT_BIG();
{%- endif %}
{%- if key %}
    IF EXISTS (SELECT 1 FROM {{ staging }} AS [new] INNER JOIN {{ published }} AS [old] ON {{ key | matched("old", "new") }})
        THROW 50004, {{ (table ~ ": keys of this load " ~ refusal) | message }}, 1;
{%- endif %}
    INSERT INTO {{ published }} ({{ columns | names }})
    SELECT {{ columns | names }} FROM {{ staging }};
    SET @inserted = ROWCOUNT_BIG();
