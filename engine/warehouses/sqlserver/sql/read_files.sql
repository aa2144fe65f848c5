    DECLARE @files TABLE ([name] nvarchar(400) NOT NULL);
{%- for some in brought.files | batch(1000) %}
    INSERT INTO @files ([name]) VALUES {% for name in some %}({{ name | literal }}){{ ", " if not loop.last }}{% endfor %};
{%- endfor %}
