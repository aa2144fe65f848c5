SELECT COUNT_BIG(*) AS [lost] FROM {{ published }} AS [old]
WHERE NOT EXISTS (
    SELECT 1 FROM {{ staging }} AS [new]
    WHERE {% for column in compared %}([new].{{ column.name | ident }} = [old].{{ column.name | ident }} OR ([new].{{ column.name | ident }} IS NULL AND [old].{{ column.name | ident }} IS NULL)){{ " AND " if not loop.last }}{% endfor %}
);
